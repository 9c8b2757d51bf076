#include "reverse_proxy/modifiers/response_modifiers.hpp"
#include "tests/unit/modifiers/sections.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy;
using modifiers::test::Modified;
using modifiers::test::outgoing;
using modifiers::test::peer_at;
using modifiers::test::value_of;

namespace {

constexpr std::string_view kNone = "(none)";
modifiers::Peer const kPeer = peer_at("192.0.2.1", false);

}  // namespace

TEST(ConnectionFields, EndAtThisHop) {
    Modified const request{"POST / HTTP/1.1",
                           "Host: h\r\nConnection: keep-alive, X-Named\r\nx-named: 1\r\n"
                           "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n"
                           "Transfer-Encoding: chunked\r\nUpgrade: x\r\nExpect: 100-continue\r\n"
                           "Trailer: T\r\nProxy-Authorization: p\r\nAccept: */*\r\n",
                           kPeer};
    for (std::string_view const name :
         {"Host", "Connection", "X-Named", "Keep-Alive", "Proxy-Connection", "TE",
          "Transfer-Encoding", "Upgrade", "Expect"})
        EXPECT_EQ(request.value(name), kNone) << name;
    EXPECT_EQ(request.value("Trailer"), "T");
    EXPECT_EQ(request.value("Proxy-Authorization"), "p");
    EXPECT_EQ(request.value("Accept"), "*/*");
}

TEST(ConnectionFields, NamesInAnyCaseOverSeveralLines) {
    Modified const request{"GET / HTTP/1.1",
                           "Host: h\r\nConnection: ,a\t, B,\r\nA: 1\r\na: 2\r\nC: 3\r\n"
                           "connection: c,close\r\nb: 4\r\nD: 5\r\nClose: 6\r\n",
                           kPeer};
    EXPECT_EQ(request.value("A"), kNone);
    EXPECT_EQ(request.value("B"), kNone);
    EXPECT_EQ(request.value("C"), kNone);
    EXPECT_EQ(request.value("D"), "5");
    EXPECT_EQ(request.value("Close"), "6");  // `close` is an option of its own, not this field
}

TEST(ConnectionFields, NamingWhatTheProxyRulesOnTakesNothingOut) {
    modifiers::TrustedProxies trusted;
    trusted.networks.push_back(*core::IpNetwork::parse("192.0.2.1"));
    constexpr std::string_view kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Modified const request{
        "OPTIONS / HTTP/1.1",
        "Host: h\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
        "X-Forwarded-Host: public\r\nX-Forwarded-Port: 443\r\nForwarded: for=203.0.113.9\r\n"
        "X-Real-IP: 203.0.113.9\r\nX-Request-Id: abc\r\nVia: 1.1 front\r\nMax-Forwards: 5\r\n"
        "traceparent: " +
            std::string{kTrace} +
            "\r\ntracestate: a=b\r\n"
            "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port\r\n"
            "Connection: Forwarded, X-Real-IP, X-Request-Id, Via, traceparent, tracestate, Host\r\n"
            "Connection: Max-Forwards, Content-Length, Transfer-Encoding, Connection\r\n",
        peer_at("192.0.2.1", true), trusted};
    EXPECT_EQ(request.value("X-Forwarded-For"), "203.0.113.9, 192.0.2.1");
    EXPECT_EQ(request.value("X-Forwarded-Proto"), "https");
    EXPECT_EQ(request.value("X-Forwarded-Host"), "public");
    EXPECT_EQ(request.value("X-Forwarded-Port"), "443");
    EXPECT_EQ(request.value("Forwarded"), "for=203.0.113.9");
    EXPECT_EQ(request.value("X-Real-IP"), "203.0.113.9");
    EXPECT_EQ(request.value("X-Request-Id"), "abc");
    EXPECT_EQ(request.value("Via"), "1.1 front | 1.1 reverse-proxy");
    EXPECT_EQ(request.value("Max-Forwards"), "4");
    EXPECT_EQ(request.value("traceparent").substr(0, 36), kTrace.substr(0, 36));
    EXPECT_EQ(request.value("tracestate"), "a=b");
    EXPECT_EQ(request.facts.client.view(), "203.0.113.9");
}

TEST(ConnectionFields, NamedEndToEndFieldsAreTheSendersLoss) {
    Modified const request{"GET / HTTP/1.1",
                           "Host: h\r\nAuthorization: a\r\nCookie: c\r\n"
                           "Connection: authorization, cookie\r\n",
                           kPeer};
    EXPECT_EQ(request.value("Authorization"), kNone);
    EXPECT_EQ(request.value("Cookie"), kNone);
}

TEST(ConnectionFields, ImitationsAreDroppedFromEverybody) {
    for (bool const trusted : {false, true}) {
        Modified const request{"GET / HTTP/1.1",
                               "Host: h\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\n"
                               "X_Forwarded_For: 1.2.3.4\r\nX_Request_Id: x\r\nProxy: http://e\r\n"
                               "My_Field: 1\r\n",
                               peer_at("192.0.2.1", trusted)};
        for (std::string_view const name :
             {"Content_Length", "Transfer_Encoding", "X_Forwarded_For", "X_Request_Id", "Proxy"})
            EXPECT_EQ(request.value(name), kNone) << name;
        EXPECT_EQ(request.value("My_Field"), "1");
    }
}

TEST(ConnectionFields, TeTrailersIsSaidAnew) {
    struct Row {
        std::string_view start;
        std::string_view fields;
        std::string_view te;
    };
    constexpr Row kRows[] = {
        {"GET / HTTP/1.1", "TE: trailers\r\nConnection: TE\r\n", "trailers"},
        {"GET / HTTP/1.1", "TE: gzip;q=0.5, Trailers\r\n", "trailers"},
        {"GET / HTTP/1.1", "TE: gzip\r\nTE: trailers\r\n", "trailers"},
        {"GET / HTTP/1.1", "TE: gzip\r\n", kNone},
        {"GET / HTTP/1.1", "TE:\r\n", kNone},
        {"GET / HTTP/1.0", "TE: trailers\r\n", kNone},
        {"GET / HTTP/1.1", "TE: trailers\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", kNone},
    };
    for (Row const& row : kRows) {
        Modified const request{row.start, "Host: h\r\n" + std::string{row.fields}, kPeer};
        EXPECT_EQ(request.value("TE"), row.te) << row.fields;
        EXPECT_EQ(request.value("Connection"), row.te == kNone ? kNone : "TE") << row.fields;
    }
}

TEST(ConnectionFields, UpgradeIsNoted) {
    struct Row {
        std::string_view start;
        std::string_view fields;
        std::string_view upgrade;  // "" = none wanted
    };
    constexpr Row kRows[] = {
        {"GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", "websocket"},
        {"GET / HTTP/1.1", "Connection: x, upgrade\r\nUpgrade: SPDY/3.1\r\n", "SPDY/3.1"},
        {"GET / HTTP/1.1", "Connection: x\r\nconnection: UPGRADE\r\nupgrade: tcp\r\n", "tcp"},
        {"GET / HTTP/1.1", "Upgrade: websocket\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\n", ""},
        {"GET / HTTP/1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: H2\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: TLS/1.3\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade:\r\n", ""},
        {"GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: \x80\r\n", ""},
    };
    for (Row const& row : kRows) {
        Modified const request{row.start, "Host: h\r\n" + std::string{row.fields}, kPeer};
        EXPECT_EQ(request.facts.wants_upgrade, !row.upgrade.empty()) << row.fields;
        EXPECT_EQ(request.facts.upgrade.view(), row.upgrade) << row.fields;
        EXPECT_EQ(request.value("Upgrade"), kNone) << row.fields;
    }
}

TEST(ConnectionFields, OfResponses) {
    http::test::Response response{"HTTP/1.1 200 OK\r\nConnection: close, X-Named\r\nX-Named: 1\r\n"
                                  "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: x\r\n"
                                  "Transfer-Encoding: chunked\r\nUpgrade: h2c\r\nTrailer: T\r\n"
                                  "Proxy-Authenticate: Basic\r\nX_Forwarded_For: kept\r\n"
                                  "Set-Cookie: a\r\n\r\n"};
    modifiers::modify_interim_response(response.head);
    EXPECT_EQ(outgoing(response.head.fields),
              (std::vector<std::string>{"Trailer: T", "Proxy-Authenticate: Basic",
                                        "X_Forwarded_For: kept", "Set-Cookie: a",
                                        "Via: 1.1 reverse-proxy"}));
}

TEST(ConnectionFields, AResponseCannotNameItsFramingAway) {
    http::test::Response response{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nDate: d\r\nVia: v\r\n"
                                  "Connection: content-length, date, via\r\n\r\n"};
    modifiers::modify_response(response.head, {"id", "now", nullptr});
    EXPECT_EQ(value_of(response.head.fields, "Content-Length"), "3");
    EXPECT_EQ(value_of(response.head.fields, "Date"), "d");
    EXPECT_EQ(value_of(response.head.fields, "Via"), "v | 1.1 reverse-proxy");
}
