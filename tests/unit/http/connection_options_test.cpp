#include "reverse_proxy/http/connection_options.hpp"
#include "reverse_proxy/http/encode.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

using namespace reverse_proxy;

TEST(ConnectionOptions, EndAmongTrailersToo) {
    http::test::Request request{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                                "Connection: keep-alive, TE, X-A\r\nConnection: x-b\r\n\r\n"};
    std::string options = "stale";
    http::collect_connection_options(request.head.fields, options);
    EXPECT_EQ(options, "X-A,x-b");

    http::Fields trailers;
    std::string const text = "x-a: 1\r\nX-B: 2\r\nX-C: 3\r\n\r\n";
    ASSERT_TRUE(http::parse_trailers(text, http::test::kLimits, trailers).has_value());
    http::drop_connection_options(trailers, options);
    core::Text kept;
    http::append_fields(kept, trailers);
    EXPECT_EQ(kept.view(), "X-C: 3\r\n");

    http::test::Request const plain{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"};
    http::collect_connection_options(plain.head.fields, options);
    EXPECT_EQ(options, "");
}
