#include "reverse_proxy/modifiers/response_modifiers.hpp"
#include "tests/unit/modifiers/sections.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy;
using modifiers::test::outgoing;
using modifiers::test::value_of;

namespace {

constexpr std::string_view kNone = "(none)";

}  // namespace

TEST(ResponseModifiers, WhatGoesOut) {
    http::test::Response response{"HTTP/1.1 200 OK\r\nServer: s\r\nX-Request-Id: origin\r\n"
                                  "Content-Length: 3\r\nConnection: keep-alive\r\n\r\n"};
    modifiers::modify_response(response.head, {"id1", "now", nullptr});
    EXPECT_EQ(outgoing(response.head.fields),
              (std::vector<std::string>{"Server: s", "Content-Length: 3", "Via: 1.1 reverse-proxy",
                                        "X-Request-Id: id1", "Date: now"}));
}

TEST(ResponseModifiers, OriginsDateAndVersion) {
    http::test::Response response{"HTTP/1.0 200 OK\r\nDate: then\r\nVia: 1.1 cache\r\n\r\n"};
    modifiers::modify_response(response.head, {"id1", "now", nullptr});
    EXPECT_EQ(value_of(response.head.fields, "Date"), "then");
    EXPECT_EQ(value_of(response.head.fields, "Via"), "1.1 cache | 1.0 reverse-proxy");
}

TEST(ResponseModifiers, DebugFieldsReplaceTheOrigins) {
    std::string const text = "HTTP/1.1 200 OK\r\nx-upstream: theirs\r\nX-Attempts: 99\r\n"
                             "X-Upstream-Latency-Ms: 1\r\n\r\n";
    modifiers::DebugFacts const debug{"http://10.0.0.1:80", 2, std::chrono::milliseconds{37}};
    http::test::Response exposed{text};
    modifiers::modify_response(exposed.head, {"id", "now", &debug});
    EXPECT_EQ(value_of(exposed.head.fields, "X-Upstream"), "http://10.0.0.1:80");
    EXPECT_EQ(value_of(exposed.head.fields, "X-Attempts"), "2");
    EXPECT_EQ(value_of(exposed.head.fields, "X-Upstream-Latency-Ms"), "37");

    http::test::Response hidden{text};
    modifiers::modify_response(hidden.head, {"id", "now", nullptr});
    EXPECT_EQ(value_of(hidden.head.fields, "X-Attempts"), "99");
}

TEST(ResponseModifiers, UpgradeStaysWithA101Alone) {
    http::test::Response switching{"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                                   "Upgrade: websocket\r\n\r\n"};
    modifiers::modify_response(switching.head, {"id", "now", nullptr});
    EXPECT_EQ(value_of(switching.head.fields, "Upgrade"), "websocket");
    EXPECT_EQ(value_of(switching.head.fields, "Connection"), kNone);

    http::test::Response refusing{"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\n"
                                  "Upgrade: websocket\r\nContent-Length: 0\r\n\r\n"};
    modifiers::modify_response(refusing.head, {"id", "now", nullptr});
    EXPECT_EQ(value_of(refusing.head.fields, "Upgrade"), kNone);
}

TEST(ResponseModifiers, NoContentLengthWhereThereIsNoContent) {
    struct Row {
        std::string_view start;
        bool kept;
    };
    constexpr Row kRows[] = {{"HTTP/1.1 204 No Content", false},
                             {"HTTP/1.1 103 Early Hints", false},
                             {"HTTP/1.1 304 Not Modified", true},
                             {"HTTP/1.1 200 OK", true}};
    for (Row const& row : kRows) {
        http::test::Response response{std::string{row.start} + "\r\nContent-Length: 3\r\n\r\n"};
        modifiers::modify_response(response.head, {"id", "now", nullptr});
        EXPECT_EQ(value_of(response.head.fields, "Content-Length"), row.kept ? "3" : kNone)
            << row.start;
    }
}

TEST(ResponseModifiers, InterimResponsesGetViaAlone) {
    http::test::Response response{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n"
                                  "Connection: close\r\n\r\n"};
    modifiers::modify_interim_response(response.head);
    EXPECT_EQ(outgoing(response.head.fields),
              (std::vector<std::string>{"Link: </a>", "Via: 1.1 reverse-proxy"}));
}
