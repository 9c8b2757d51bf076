#include "reverse_proxy/upstream/encoded_request.hpp"
#include "tests/unit/http/heads.hpp"
#include "tests/unit/upstream/endpoints.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::upstream;
using http::FieldId;
using http::Framing;
using upstream::test::endpoint;

namespace {

/// A request whose connection fields the modifiers have taken out.
struct Modified {
    explicit Modified(std::string const& text) : request{text} {
        auto const parsed = http::parse_target(request.head.method, request.head.target);
        EXPECT_TRUE(parsed.has_value()) << text;
        target = *parsed;
        request.head.fields.drop(http::FieldSet{FieldId::host, FieldId::content_length,
                                                FieldId::transfer_encoding, FieldId::connection,
                                                FieldId::expect, FieldId::upgrade});
    }
    [[nodiscard]] std::string sent(RequestShape const& shape = {},
                                   std::string const& prefix = {}) const {
        core::BufferPool pool;
        core::Text scratch;
        EncodedRequest const encoded{request.head, target, shape, scratch, pool};
        core::Text text;
        encoded.write(text, *endpoint(prefix));
        return std::string{text.view()};
    }
    http::test::Request request;
    http::Target target;
};

std::string const kHost = "Host: origin.example:9000\r\n";

}  // namespace

TEST(EncodedRequest, RequestLineHostThenTheFields) {
    Modified const modified{
        "GET /a?b=%20 HTTP/1.1\r\nHost: client.example\r\nAccept: x\r\nX-A:odd\r\n\r\n"};
    EXPECT_EQ(modified.sent(),
              "GET /a?b=%20 HTTP/1.1\r\n" + kHost + "Accept: x\r\nX-A: odd\r\n\r\n");
}

TEST(EncodedRequest, SpeaksHttp11WhateverTheClientSpoke) {
    Modified const modified{"GET / HTTP/1.0\r\n\r\n"};
    EXPECT_EQ(modified.sent(), "GET / HTTP/1.1\r\n" + kHost + "\r\n");
}

TEST(EncodedRequest, TargetsBehindTheEndpointsPrefix) {
    struct Case {
        std::string method;
        std::string target;
        std::string prefix;
        std::string sent;
    };
    for (Case const& c : std::initializer_list<Case>{{"GET", "/a", "", "/a"},
                                                     {"GET", "/a", "/api", "/api/a"},
                                                     {"GET", "/", "/api", "/api/"},
                                                     {"GET", "//double", "/api", "/api//double"},
                                                     {"GET", "/?q", "/api", "/api/?q"},
                                                     {"GET", "http://h/a?b", "", "/a?b"},
                                                     {"GET", "http://h/a?b", "/api", "/api/a?b"},
                                                     {"GET", "http://h", "", "/"},
                                                     {"GET", "http://h", "/api", "/api/"},
                                                     {"GET", "http://h?q", "", "/?q"},
                                                     {"GET", "http://h?q", "/api", "/api/?q"},
                                                     {"OPTIONS", "*", "", "*"},
                                                     {"OPTIONS", "*", "/api", "*"},
                                                     {"OPTIONS", "http://h", "/api", "*"},
                                                     {"OPTIONS", "http://h/", "/api", "/api/"},
                                                     {"OPTIONS", "/*", "/api", "/api/*"}}) {
        Modified const modified{c.method + " " + c.target + " HTTP/1.1\r\nHost: h\r\n\r\n"};
        EXPECT_EQ(modified.sent({}, c.prefix),
                  c.method + " " + c.sent + " HTTP/1.1\r\n" + kHost + "\r\n")
            << c.target << ' ' << c.prefix;
    }
}

TEST(EncodedRequest, FramingIsSaidOnceAndAnew) {
    Modified const modified{"POST /p HTTP/1.1\r\nHost: h\r\ncontent-length: 5\r\nX-A: 1\r\n\r\n"};
    std::string const start = "POST /p HTTP/1.1\r\n" + kHost + "X-A: 1\r\n";
    Framing const none;
    Framing const empty{.kind = Framing::Kind::length, .length = 0};
    Framing const longest{.kind = Framing::Kind::length, .length = 9'223'372'036'854'775'807U};
    Framing const chunked{.kind = Framing::Kind::chunked};
    struct Case {
        RequestShape shape;
        std::string fields;
    };
    for (Case const& c : std::initializer_list<Case>{
             {{none, false, {}}, ""},
             {{empty, false, {}}, "Content-Length: 0\r\n"},
             {{longest, false, {}}, "Content-Length: 9223372036854775807\r\n"},
             {{chunked, false, {}}, "Transfer-Encoding: chunked\r\n"},
             {{chunked, true, {}}, "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"},
             {{none, false, "websocket"}, "Connection: upgrade\r\nUpgrade: websocket\r\n"}}) {
        EXPECT_EQ(modified.sent(c.shape), start + c.fields + "\r\n");
    }
}

TEST(EncodedRequest, AddedFieldsGoAlong) {
    Modified modified{"GET / HTTP/1.1\r\nHost: h\r\nAccept: x\r\n\r\n"};
    modified.request.head.fields.add("Via", "1.1 reverse-proxy");
    EXPECT_EQ(modified.sent(),
              "GET / HTTP/1.1\r\n" + kHost + "Accept: x\r\nVia: 1.1 reverse-proxy\r\n\r\n");
}

TEST(EncodedRequest, SecondAttemptEqualsTheFirstWhateverBecameOfTheBytes) {
    core::BufferPool pool;
    core::Text scratch;
    core::Text expected;
    std::optional<EncodedRequest> encoded;
    {
        Modified modified{"DELETE /thing HTTP/1.1\r\nHost: h\r\nX-Long: " + std::string(3000, 'v') +
                          "\r\n\r\n"};
        encoded.emplace(modified.request.head, modified.target, RequestShape{}, scratch, pool);
        encoded->write(expected, *endpoint("/a"));
        std::fill(modified.request.text.begin(), modified.request.text.end(), '#');
    }
    // Another request in between uses whatever the encoding shares.
    Modified const other{"GET /other HTTP/1.1\r\nHost: h\r\n\r\n"};
    EncodedRequest const second{other.request.head, other.target, {}, scratch, pool};
    core::Text again;
    encoded->write(again, *endpoint("/a"));
    EXPECT_EQ(again.view(), expected.view());
    EXPECT_TRUE(again.view().starts_with("DELETE /a/thing HTTP/1.1\r\n"));
    core::Text elsewhere;
    encoded->write(elsewhere, *endpoint("/b"));
    EXPECT_TRUE(elsewhere.view().starts_with("DELETE /b/thing HTTP/1.1\r\n"));
}

TEST(EncodedRequest, RemembersMethodAndTargetWithoutThePrefix) {
    Modified const modified{"GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n"};
    core::BufferPool pool;
    core::Text scratch;
    EncodedRequest const encoded{modified.request.head, modified.target, {}, scratch, pool};
    EXPECT_EQ(encoded.method(), "GET");
    EXPECT_EQ(encoded.target(), "/?q");
}

TEST(EncodedRequest, FindsTheFieldsThatGoOut) {
    Modified modified{"GET / HTTP/1.1\r\nHost: h\r\nuser-AGENT:  a b \r\nX: y\r\nx: z\r\n\r\n"};
    modified.request.head.fields.add("X-Forwarded-Host", "client.example");
    core::BufferPool pool;
    core::Text scratch;
    EncodedRequest const encoded{modified.request.head, modified.target, {}, scratch, pool};
    EXPECT_EQ(encoded.value_of("User-Agent"), "a b");
    EXPECT_EQ(encoded.value_of("X-Forwarded-Host"), "client.example");
    EXPECT_EQ(encoded.value_of("x"), "y");
    EXPECT_EQ(encoded.value_of("Host"), "");
    EXPECT_EQ(encoded.value_of("User"), "");
    EXPECT_EQ(encoded.value_of("GET /"), "");
}

TEST(EncodedRequest, AnotherAttemptMayHaveAnotherParentId) {
    constexpr std::string_view kBefore = "00-0af7651916cd43dd8448eb211c80319c-";
    Modified modified{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
    modified.request.head.fields.add("traceparent", kBefore, "b7ad6b7169203331-01");
    modified.request.head.fields.add("Via", "1.1 reverse-proxy");
    core::BufferPool pool;
    core::Text scratch;
    EncodedRequest encoded{modified.request.head, modified.target, {}, scratch, pool};
    encoded.set_parent_id("00f067aa0ba902b7");
    core::Text text;
    encoded.write(text, *endpoint());
    EXPECT_EQ(text.view(), "GET / HTTP/1.1\r\n" + kHost + "traceparent: " + std::string{kBefore} +
                               "00f067aa0ba902b7-01\r\nVia: 1.1 reverse-proxy\r\n\r\n");
    Modified const without{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
    EncodedRequest plain{without.request.head, without.target, {}, scratch, pool};
    plain.set_parent_id("00f067aa0ba902b7");
    core::Text same;
    plain.write(same, *endpoint());
    EXPECT_EQ(same.view(), without.sent());
}

TEST(EncodedRequest, WritesBehindWhatIsThere) {
    Modified const modified{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
    core::BufferPool pool;
    core::Text scratch;
    EncodedRequest const encoded{modified.request.head, modified.target, {}, scratch, pool};
    core::Text text;
    text.append("before ");
    encoded.write(text, *endpoint());
    EXPECT_TRUE(text.view().starts_with("before GET / HTTP/1.1\r\n"));
}
