#include "tests/support/message_reader.hpp"
#include "tests/support/metrics_text.hpp"
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/raw_client.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::test_support {
namespace {

/// A client whose peer has sent these bytes and closed.
RawClient client_that_gets(std::string_view bytes) {
    auto const ends = os::new_pair();
    Socket peer{ends[1]};
    peer.send_all(bytes);
    return RawClient{Socket{ends[0]}};
}

TEST(MessageReader, ReadsLengthChunksTrailersAndInterim) {
    auto client = client_that_gets("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
                                   "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
                                   "HTTP/1.1 201 \r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "A\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\n");
    auto const first = client.read_response();
    ASSERT_EQ(first.interim.size(), 1U);
    EXPECT_EQ(first.interim[0].status, 103U);
    EXPECT_EQ(first.content, "abc");
    auto const second = client.read_response();
    EXPECT_EQ(second.status, 201U);
    EXPECT_EQ(second.content, "0123456789");
    EXPECT_EQ(joined(second.trailers, "x-sum"), "7");
    EXPECT_TRUE(client.closed_without_a_byte());
}

TEST(MessageReader, RefusesWhatIsNotStrict) {
    for (std::string const bytes : {
             "HTTP/1.1 200\r\n\r\n",
             "HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
             "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
             "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
             "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
         }) {
        auto client = client_that_gets(bytes);
        EXPECT_THROW(client.read_response(), Malformed) << bytes;
    }
}

TEST(MessageReader, TellsContentCutShort) {
    auto client = client_that_gets("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    auto const response = client.read_response_as_it_comes();
    EXPECT_FALSE(response.complete);
    EXPECT_EQ(response.content, "abc");
}

TEST(Pattern, TellsWhereAByteBelongs) {
    PatternCheck right;
    right.feed(pattern(0, 70'000));
    right.feed(pattern(70'000, 5));
    EXPECT_TRUE(right.matches());
    EXPECT_EQ(right.size(), 70'005U);
    PatternCheck shifted;
    shifted.feed(pattern(1, 70'000));
    EXPECT_FALSE(shifted.matches());
}

TEST(MetricsText, ReadsLabelsAndSums) {
    auto const samples = parse_metrics("# HELP a text\n# TYPE a counter\n"
                                       "a{x=\"1\",y=\"q\\\"q\"} 2\na{x=\"2\"} 3.5\nb 1e3\n");
    EXPECT_EQ(sum_of(samples, "a"), 5.5);
    EXPECT_EQ(sum_of(samples, "a", {{"y", "q\"q"}}), 2);
    EXPECT_EQ(sum_of(samples, "b"), 1000);
    EXPECT_EQ(samples_of(samples, "a"), 2U);
    EXPECT_THROW(parse_metrics("a{x=1} 2\n"), std::exception);
}

}  // namespace
}  // namespace reverse_proxy::test_support
