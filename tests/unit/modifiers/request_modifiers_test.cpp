#include "reverse_proxy/core/short_text.hpp"
#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "tests/unit/modifiers/sections.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy;
using modifiers::test::Modified;
using modifiers::test::outgoing;
using modifiers::test::peer_at;

TEST(RequestModifiers, WhatGoesOutOfAnOrdinaryRequest) {
    Modified const request{"GET /a HTTP/1.1",
                           "Host: h\r\nAccept: */*\r\nConnection: keep-alive\r\nUser-Agent: u\r\n",
                           peer_at("192.0.2.1", false)};
    auto const lines = outgoing(request.head.fields);
    ASSERT_EQ(lines.size(), 8U);
    EXPECT_EQ(lines[0], "Accept: */*");
    EXPECT_EQ(lines[1], "User-Agent: u");
    EXPECT_EQ(lines[2], "X-Forwarded-For: 192.0.2.1");
    EXPECT_EQ(lines[3], "X-Forwarded-Proto: http");
    EXPECT_EQ(lines[4], "X-Forwarded-Host: h");
    EXPECT_TRUE(lines[5].starts_with("X-Request-Id: ")) << lines[5];
    EXPECT_TRUE(lines[6].starts_with("traceparent: 00-")) << lines[6];
    EXPECT_EQ(lines[7], "Via: 1.1 reverse-proxy");
}

TEST(RequestModifiers, FactsAreSetAnew) {
    Modified used{"GET / HTTP/1.1", "Host: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
                  peer_at("192.0.2.1", false)};
    ASSERT_TRUE(used.facts.wants_upgrade);
    http::test::Request next{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
    core::Random random{9};
    modify_request(next.head, *http::parse_target("GET", "/"), peer_at("192.0.2.2", false), {},
                   random, used.facts);
    EXPECT_FALSE(used.facts.wants_upgrade);
    EXPECT_TRUE(used.facts.upgrade.empty());
    EXPECT_EQ(used.facts.client.view(), "192.0.2.2");
}

TEST(ViaField, NamesTheVersionReceived) {
    auto const peer = peer_at("192.0.2.1", false);
    EXPECT_EQ(Modified("GET / HTTP/1.0", "", peer).value("Via"), "1.0 reverse-proxy");
    EXPECT_EQ(Modified("GET / HTTP/1.1", "Host: h\r\nVia: 1.0 a, 1.1 b\r\n", peer).value("Via"),
              "1.0 a, 1.1 b | 1.1 reverse-proxy");
}

TEST(MaxForwards, CountsForOptionsAndTraceAlone) {
    struct Row {
        std::string_view method;
        std::string_view value;
        bool may_forward;
        std::string_view sent;  // where it may
    };
    constexpr Row kRows[] = {
        {"OPTIONS", "1", true, "0"},     {"TRACE", "10", true, "9"},
        {"OPTIONS", "0", false, ""},     {"TRACE", "00", false, ""},
        {"GET", "0", true, "0"},         {"POST", "3", true, "3"},
        {"OPTIONS", "x", true, "x"},     {"OPTIONS", "-1", true, "-1"},
        {"OPTIONS", "1 2", true, "1 2"}, {"OPTIONS", "99999999999", true, "99999999999"},
    };
    for (Row const& row : kRows) {
        http::test::Request const request{std::string{row.method} + " / HTTP/1.1\r\nHost: h\r\n" +
                                          "Max-Forwards: " + std::string{row.value} + "\r\n\r\n"};
        EXPECT_EQ(modifiers::may_forward(request.head), row.may_forward)
            << row.method << ' ' << row.value;
        if (!row.may_forward) continue;
        EXPECT_EQ(Modified(std::string{row.method} + " / HTTP/1.1",
                           "Host: h\r\nMax-Forwards: " + std::string{row.value} + "\r\n",
                           peer_at("192.0.2.1", false))
                      .value("Max-Forwards"),
                  row.sent);
    }
    http::test::Request const without{"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n"};
    EXPECT_TRUE(modifiers::may_forward(without.head));
}

TEST(ShortText, HoldsWhatFits) {
    core::ShortText<4> text;
    EXPECT_TRUE(text.empty());
    text.assign("abc");
    EXPECT_EQ(text.view(), "abc");
    text.assign("abcdef");
    EXPECT_EQ(text.view(), "abcd");
    text.clear();
    EXPECT_TRUE(text.empty());
}
