// A message whose length two readers could understand differently never reaches an origin
// (contract, section 3; RFC 9112, 6.3 and 11.2).
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using namespace std::string_literals;

struct Case {
    std::string name;
    std::string request;  // bytes, without the request that is smuggled behind them
    unsigned status{400};
};

std::string const kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n";

std::string post(std::string const& fields, std::string const& content) {
    return "POST /x HTTP/1.1\r\nHost: example.test\r\n" + fields + "\r\n" + content;
}

std::string get(std::string const& rest) {
    return "GET / HTTP/1.1\r\n" + rest;
}

std::vector<Case> const kHeads{
    {"length_then_coding",
     post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
    {"coding_then_length",
     post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")},
    {"gzip_then_length", post("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", "hello")},
    {"two_lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!")},
    {"list_of_lengths", post("Content-Length: 5, 6\r\n", "hello!")},
    {"length_with_plus", post("Content-Length: +5\r\n", "hello")},
    {"length_negative", post("Content-Length: -5\r\n", "hello")},
    {"length_hex", post("Content-Length: 0x5\r\n", "hello")},
    {"length_empty", post("Content-Length: \r\n", "")},
    {"length_with_blank", post("Content-Length: 5 5\r\n", "hello")},
    {"length_overflow", post("Content-Length: 18446744073709551621\r\n", "hello")},
    {"chunked_not_final", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")},
    {"chunked_twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")},
    {"chunked_on_two_lines",
     post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
    {"coding_with_blank_before_colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")},
    {"coding_with_control_byte", post("Transfer-Encoding: \x0b"
                                      "chunked\r\n",
                                      "0\r\n\r\n")},
    {"coding_in_old_version",
     "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"obs_fold", post("X-A: b\r\n Content-Length: 5\r\n", "")},
    {"obs_fold_of_coding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")},
    {"bare_lf_line", post("X-A: b\nContent-Length: 5\r\n", "")},
    {"bare_lf_everywhere", "GET / HTTP/1.1\nHost: a\n\n"},
    {"bare_cr_in_value", post("X-A: b\rContent-Length: 5\r\n", "")},
    {"nul_in_value", post("X-A: b\0c\r\n"s, "")},
    {"nul_in_name", post("X-\0A: b\r\n"s, "")},
    {"blank_before_colon", post("X-A : b\r\n", "")},
    {"no_colon", post("Nonsense\r\n", "")},
    {"empty_name", post(": b\r\n", "")},
    {"field_before_first_blank", get(" Host: a\r\n\r\n")},
    {"no_host", get("X-A: b\r\n\r\n")},
    {"two_hosts", get("Host: a\r\nHost: a\r\n\r\n")},
    {"invalid_host", get("Host: a b\r\n\r\n")},
    {"host_with_userinfo", get("Host: u@a\r\n\r\n")},
    {"host_with_path", get("Host: a/b\r\n\r\n")},
    {"no_version", "GET /\r\nHost: a\r\n\r\n"},
    {"version_lower_case", "GET / http/1.1\r\nHost: a\r\n\r\n"},
    {"two_blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"trailing_blank", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {"method_with_colon", "GE:T / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"list_of_equal_lengths", post("Content-Length: 5, 5\r\n", "hello")},
    {"two_equal_lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")},
    {"length_leading_zero", post("Content-Length: 05\r\n", "hello")},
    {"length_underscore", post("Content-Length: 1_0\r\n", "helloworld")},
    {"length_quoted", post("Content-Length: \"5\"\r\n", "hello")},
    {"length_then_unknown_coding",
     post("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n", "hello")},
    {"coding_with_parameter", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n")},
    {"coding_quoted", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")},
    {"coding_empty", post("Transfer-Encoding:\r\n", "0\r\n\r\n")},
    {"coding_with_empty_element", post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n")},
    {"coding_then_identity",
     post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n")},
    {"coding_with_nul", post("Transfer-Encoding: chunked\0\r\n"s, "0\r\n\r\n")},
    {"coding_with_high_byte", post("Transfer-Encoding: chunked\xa0\r\n", "0\r\n\r\n")},
    {"named_in_connection_with_both",
     post("Connection: Content-Length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
          "0\r\n\r\n")},
    {"length_on_get_1_0", "GET / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
    {"content_of_trace", "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
    {"cr_cr_lf", post("X-A: b\r\r\n", "")},
    {"cr_before_the_colon", post("X-A\r: b\r\n", "")},
    {"lf_cr", "GET / HTTP/1.1\n\rHost: a\n\r\n\r"},
    {"bare_cr_ends_the_head", "GET / HTTP/1.1\r\nHost: a\r\n\rX"},
    {"high_byte_in_name", post("X-\xc3\xa4: b\r\n", "")},
    {"delete_in_value", post("X-A: b\x7f\r\n", "")},
    {"version_0_9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
    {"version_1_2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
    {"version_2_0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {"version_1_10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
    {"preface_of_http_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"tls_hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s},
    {"proxy_protocol", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"},
    {"five_empty_lines", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"host_empty", get("Host:\r\n\r\n")},
    {"host_list", get("Host: a, b\r\n\r\n")},
    {"host_with_high_byte", get("Host: a\xff\r\n\r\n")},
    {"host_port_overflow", get("Host: a:65536\r\n\r\n")},
    {"host_not_the_targets", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"},
    {"host_twice_with_a_target", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {"coding_gzip", post("Transfer-Encoding: gzip\r\n", "hello"), 501},
    {"coding_unknown", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
    {"coding_identity", post("Transfer-Encoding: identity\r\n", ""), 501},
    {"gzip_then_chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
};

class BadHead : public ::testing::TestWithParam<Case> {};

TEST_P(BadHead, IsRefusedAndNothingReachesTheOrigin) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(GetParam().request + kSmuggled);
    auto const response = client.read_response();
    EXPECT_EQ(response.status, GetParam().status);
    EXPECT_EQ(problem_of(response).status, GetParam().status);
    EXPECT_NE(response.field("Proxy-Status").find("error=http_request_error"), std::string::npos);
    EXPECT_FALSE(response.keeps_connection());
    EXPECT_TRUE(client.closed_without_a_byte());
    EXPECT_EQ(origin.connections_accepted(), 0U);
}

std::string name_of(::testing::TestParamInfo<Case> const& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Framing, BadHead, ::testing::ValuesIn(kHeads), name_of);

// Faults that show only in the content: the head may have gone out by then, but the origin never
// sees the request's end, nor anything behind it.
std::vector<Case> const kChunks{
    {"size_not_hex", "zz\r\nhello\r\n0\r\n\r\n"},
    {"size_with_prefix", "0x5\r\nhello\r\n0\r\n\r\n"},
    {"size_with_sign", "+5\r\nhello\r\n0\r\n\r\n"},
    {"size_with_blank", " 5\r\nhello\r\n0\r\n\r\n"},
    {"size_overflow", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
    {"size_negative", "-5\r\nhello\r\n0\r\n\r\n"},
    {"size_underscore", "0_5\r\nhello\r\n0\r\n\r\n"},
    {"size_blank_after", "5 \r\nhello\r\n0\r\n\r\n"},
    {"size_tab_after", "5\t\r\nhello\r\n0\r\n\r\n"},
    {"size_leading_zeros_without_end", std::string(64, '0') + "5\r\nhello\r\n0\r\n\r\n"},
    {"size_64_bits", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"},
    {"size_32_bits_and_more", "100000000000000005\r\nhello\r\n0\r\n\r\n"},
    {"size_with_nul", "5\0\r\nhello\r\n0\r\n\r\n"s},
    {"size_high_byte", "\xb5\r\nhello\r\n0\r\n\r\n"},
    {"bare_cr_after_size", "5\rhello\r\n0\r\n\r\n"},
    {"cr_cr_lf_after_size", "5\r\r\nhello\r\n0\r\n\r\n"},
    {"bare_lf_after_extension", "5;a\nhello\r\n0\r\n\r\n"},
    {"bare_cr_after_extension", "5;a\rhello\r\n0\r\n\r\n"},
    {"bare_cr_in_extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
    {"nul_in_extension", "5;a\0b\r\nhello\r\n0\r\n\r\n"s},
    {"extension_without_name", "5;\r\nhello\r\n0\r\n\r\n"},
    {"extension_without_value", "5;a=\r\nhello\r\n0\r\n\r\n"},
    {"extension_without_end", "5;" + std::string(5000, 'a') + "\r\nhello\r\n0\r\n\r\n"},
    {"bare_cr_after_data", "5\r\nhello\r0\r\n\r\n"},
    {"data_longer_than_its_size", "5\r\nhello!\r\n0\r\n\r\n"},
    {"last_chunk_bare_lf", "5\r\nhello\r\n0\n\r\n"},
    {"last_chunk_bare_cr", "5\r\nhello\r\n0\r\r\n\r\n"},
    {"end_bare_lf", "5\r\nhello\r\n0\r\n\n"},
    {"end_bare_cr", "5\r\nhello\r\n0\r\n\rX"},
    {"trailer_folded", "5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n"},
    {"trailer_blank_before_colon", "5\r\nhello\r\n0\r\nX-A : b\r\n\r\n"},
    {"trailer_with_nul", "5\r\nhello\r\n0\r\nX-A: b\0\r\n\r\n"s},
    {"trailer_bare_cr", "5\r\nhello\r\n0\r\nX-A: b\rX-B: c\r\n\r\n"},
    {"trailer_name_high_byte", "5\r\nhello\r\n0\r\nX-\xe4: b\r\n\r\n"},
    {"trailer_content_length", "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"},
    {"trailer_transfer_encoding", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"request_line_as_trailer", "5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\nX: y\r\n\r\n"},
    {"size_empty", "\r\nhello\r\n0\r\n\r\n"},
    {"bare_lf_after_size", "5\nhello\r\n0\r\n\r\n"},
    {"no_crlf_after_data", "5\r\nhello0\r\n\r\n"},
    {"bare_lf_after_data", "5\r\nhello\n0\r\n\r\n"},
    {"lf_in_extension", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"},
    {"later_chunk", "5\r\nhello\r\nxyz\r\n0\r\n\r\n"},
    {"trailer_without_colon", "5\r\nhello\r\n0\r\nNonsense\r\n\r\n"},
    {"trailer_bare_lf", "5\r\nhello\r\n0\r\nX-A: b\n\r\n"},
};

class BadChunk : public ::testing::TestWithParam<Case> {};

TEST_P(BadChunk, IsRefusedAndTheOriginSeesNoWholeRequest) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(post("Transfer-Encoding: chunked\r\n", GetParam().request) + kSmuggled);
    EXPECT_EQ(client.read_response().status, 400U);
    EXPECT_TRUE(client.closed_without_a_byte());
    EXPECT_TRUE(origin.wait_connections_open(0));
    for (auto const& seen : origin.requests()) {
        EXPECT_FALSE(seen.complete);
        EXPECT_EQ(seen.target, "/x");
    }
    EXPECT_TRUE(origin.violations().empty());
}

INSTANTIATE_TEST_SUITE_P(Framing, BadChunk, ::testing::ValuesIn(kChunks), name_of);

TEST(Framing, ChunksAreFramedAnew) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    auto const response = client.exchange(post("Transfer-Encoding: chunked\r\n",
                                               "0005;ext=\"a;b\"\r\nhello\r\nA;x\r\n0123456789\r\n"
                                               "000;last\r\n\r\n"));
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(origin.await_request(0).content, "hello0123456789");
    EXPECT_TRUE(origin.violations().empty());
}

TEST(Framing, ARequestBehindAMalformedOneIsNeverRead) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/good") +
                post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab") + kSmuggled);
    EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_EQ(client.read_response().status, 400U);
    EXPECT_TRUE(client.closed_without_a_byte());
    EXPECT_EQ(origin.requests().size(), 1U);
}

// What follows the last chunk is a request of its own, and judged as one.
TEST(Framing, BytesBehindTheLastChunkAreNoContent) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (std::string const behind : {"hello\r\n\r\n", "0\r\n\r\n", "5\r\nhello\r\n", "\n"}) {
        auto const before = origin.requests().size();
        auto client = proxy.client();
        client.send(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + behind +
                    kSmuggled);
        EXPECT_EQ(client.read_response().status, 200U) << behind;
        EXPECT_EQ(client.read_response().status, 400U) << behind;
        EXPECT_TRUE(client.closed_without_a_byte());
        ASSERT_EQ(origin.requests().size(), before + 1) << behind;
        EXPECT_EQ(origin.await_request(before).content, "hello");
    }
}

// CL.0 and TE.0: content of methods that mostly have none is content, never the next request.
TEST(Framing, ContentOfAnyMethodStaysContent) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const length = "Content-Length: " + std::to_string(kSmuggled.size()) + "\r\n\r\n";
    std::size_t seen = 0;
    for (std::string const method : {"GET", "HEAD", "OPTIONS", "DELETE", "PROPFIND", "get"}) {
        for (std::string const& framed :
             {length + kSmuggled, "Transfer-Encoding: chunked\r\n\r\n" + chunked({kSmuggled})}) {
            auto client = proxy.client();
            client.send(method + " /outer HTTP/1.1\r\nHost: a\r\n" + framed);
            EXPECT_EQ(client.read_response(method == "HEAD").status, 200U) << method;
            auto const request = origin.await_request(seen++);
            EXPECT_EQ(request.target, "/outer");
            EXPECT_EQ(request.content, kSmuggled) << method;
        }
    }
    EXPECT_EQ(origin.requests().size(), seen);
    EXPECT_TRUE(origin.violations().empty());
}

// Case and blanks around a value are no ambiguity, and obs-text in a value is data (RFC 9110, 5.5).
TEST(Framing, WhatIsUnusualButClearPasses) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.exchange(post("tRANSFER-eNCODING:\t ChUnKeD \r\n", "0005\r\nhello\r\n00\r\n\r\n"));
    client.exchange(post("content-length:5\r\nX-Bytes: \x80\xff\r\n", "hello"));
    EXPECT_EQ(origin.await_request(0).content, "hello");
    EXPECT_EQ(origin.await_request(1).content, "hello");
    EXPECT_EQ(origin.await_request(1).field("X-Bytes"), "\x80\xff");
    EXPECT_EQ(origin.await_request(1).field("Content-Length"), "5");
}

// RFC 9112, 2.2: at least one empty line before the request line is ignored.
TEST(Framing, AnEmptyLineBeforeARequestIsIgnored) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    EXPECT_EQ(client.exchange("\r\n" + make_request("GET", "/first")).status, 200U);
    EXPECT_EQ(client.exchange("\r\n" + make_request("GET", "/second")).status, 200U);
}

// The trailer section must not be able to say what only the head may say.
TEST(Framing, TrailersCannotPoseAsFields) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    auto const response = client.exchange(
        make_request("POST", "/x", {{"Transfer-Encoding", "chunked"}}) +
        chunked({"hello"},
                {{"X-Forwarded-For", "203.0.113.66"}, {"Host", "spoofed.test"}, {"X-Sum", "7"}}));
    EXPECT_EQ(response.status, 200U);
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.field("X-Forwarded-For"), "127.0.0.1");
    EXPECT_EQ(count_of(seen.trailers, "X-Forwarded-For"), 0U);
    EXPECT_EQ(count_of(seen.trailers, "Host"), 0U);
    EXPECT_EQ(joined(seen.trailers, "X-Sum"), "7");
}

}  // namespace
}  // namespace reverse_proxy::integration
