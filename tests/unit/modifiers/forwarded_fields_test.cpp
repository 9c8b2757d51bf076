#include "reverse_proxy/core/random.hpp"
#include "tests/unit/modifiers/sections.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy;
using modifiers::test::Modified;
using modifiers::test::peer_at;

namespace {

constexpr std::string_view kNone = "(none)";

modifiers::TrustedProxies trusting(std::initializer_list<std::string_view> networks) {
    modifiers::TrustedProxies trusted;
    for (std::string_view const network : networks)
        trusted.networks.push_back(*core::IpNetwork::parse(network));
    return trusted;
}
/// The peer of these tests is trusted and is 10.0.0.1.
modifiers::TrustedProxies const kTrusted = trusting({"10.0.0.0/8", "fd00::/8"});
modifiers::Peer const kProxy = peer_at("10.0.0.1", true);

std::string many_hops(unsigned count) {
    std::string hops;
    for (unsigned i = 0; i < count; ++i)
        hops += "10.1.1." + std::to_string(i) + ", ";
    return hops + "10.2.2.2";
}

}  // namespace

TEST(ForwardedFields, WrittenWhereNoneCame) {
    Modified const request{"GET / HTTP/1.1", "Host: shop.example:8080\r\n",
                           peer_at("192.0.2.1", false)};
    EXPECT_EQ(request.value("X-Forwarded-For"), "192.0.2.1");
    EXPECT_EQ(request.value("X-Forwarded-Proto"), "http");
    EXPECT_EQ(request.value("X-Forwarded-Host"), "shop.example:8080");
    EXPECT_EQ(request.facts.client.view(), "192.0.2.1");
}

TEST(ForwardedFields, AuthorityOfTheTargetGoesBeforeHost) {
    auto const peer = peer_at("192.0.2.1", false);
    EXPECT_EQ(Modified("GET http://H:80/ HTTP/1.1", "Host: h\r\n", peer).value("X-Forwarded-Host"),
              "H:80");
    EXPECT_EQ(Modified("GET http://h/ HTTP/1.0", "", peer).value("X-Forwarded-Host"), "h");
    EXPECT_EQ(Modified("GET / HTTP/1.0", "", peer).value("X-Forwarded-Host"), kNone);
}

TEST(ForwardedFields, WhatAnUntrustedPeerSaysIsDropped) {
    Modified const request{
        "GET / HTTP/1.1",
        "Host: h\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 5.6.7.8\r\nForwarded: for=1\r\n"
        "X-Real-IP: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
        "X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /x\r\nX-Forwarded: y\r\n",
        peer_at("192.0.2.1", false), kTrusted};
    EXPECT_EQ(request.value("X-Forwarded-For"), "192.0.2.1");
    EXPECT_EQ(request.value("X-Forwarded-Proto"), "http");
    EXPECT_EQ(request.value("X-Forwarded-Host"), "h");
    for (std::string_view const name :
         {"Forwarded", "X-Real-IP", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded"})
        EXPECT_EQ(request.value(name), kNone) << name;
    EXPECT_EQ(request.facts.client.view(), "192.0.2.1");
}

TEST(ForwardedFields, ChainIsWalkedFromTheRight) {
    struct Row {
        std::string_view lines;   // values, one line each, separated by '\n'
        std::string_view client;  // rightmost untrusted
        std::string_view sent;    // without the peer at its end
    };
    Row const rows[] = {
        {"203.0.113.9", "203.0.113.9", "203.0.113.9, "},
        {"1.1.1.1, 203.0.113.9", "203.0.113.9", "1.1.1.1, 203.0.113.9, "},
        {"203.0.113.9, 10.0.0.2", "203.0.113.9", "203.0.113.9, 10.0.0.2, "},
        {"1.1.1.1,203.0.113.9,10.0.0.3 ,\t10.0.0.2", "203.0.113.9",
         "1.1.1.1, 203.0.113.9, 10.0.0.3, 10.0.0.2, "},
        // all lines are one list, whatever line the client hoped would be read alone
        {"1.1.1.1\n203.0.113.9\n10.0.0.2", "203.0.113.9", "1.1.1.1, 203.0.113.9, 10.0.0.2, "},
        {"203.0.113.9\n10.0.0.2, 10.0.0.3", "203.0.113.9", "203.0.113.9, 10.0.0.2, 10.0.0.3, "},
        // everybody is trusted: the farthest
        {"10.0.0.9, 10.0.0.2", "10.0.0.9", "10.0.0.9, 10.0.0.2, "},
        // empty elements say nothing
        {"203.0.113.9, , 10.0.0.2,", "203.0.113.9", "203.0.113.9, 10.0.0.2, "},
        {"", "10.0.0.1", ""},
        {" , ,", "10.0.0.1", ""},
        // garbage ends the walk, and does not go on to the origin
        {"evil", "10.0.0.1", ""},
        {"203.0.113.9, evil", "10.0.0.1", ""},
        {"evil, 203.0.113.9", "203.0.113.9", "203.0.113.9, "},
        {"203.0.113.9, evil, 10.0.0.2", "10.0.0.2", "10.0.0.2, "},
        {"evil\n203.0.113.9", "203.0.113.9", "203.0.113.9, "},
        {"203.0.113.9\nevil\n10.0.0.2", "10.0.0.2", "10.0.0.2, "},
        {"unknown, 10.0.0.2", "10.0.0.2", "10.0.0.2, "},
        {"<script>, 203.0.113.9", "203.0.113.9", "203.0.113.9, "},
        // forms of addresses
        {"203.0.113.9:4711", "203.0.113.9", "203.0.113.9:4711, "},
        {"2001:db8::1", "2001:db8::1", "2001:db8::1, "},
        {"[2001:DB8::1]", "2001:db8::1", "[2001:DB8::1], "},
        {"[2001:db8::1]:443", "2001:db8::1", "[2001:db8::1]:443, "},
        {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
         "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff, "},
        {"2001:db8::1, fd00::7", "2001:db8::1", "2001:db8::1, fd00::7, "},
        {"::ffff:203.0.113.9", "203.0.113.9", "::ffff:203.0.113.9, "},
        {"203.0.113.9, ::ffff:10.0.0.7", "203.0.113.9", "203.0.113.9, ::ffff:10.0.0.7, "},
    };
    for (Row const& row : rows) {
        std::string fields = "Host: h\r\n";
        std::string_view rest = row.lines;
        for (;;) {
            auto const end = rest.find('\n');
            fields += "X-Forwarded-For: " + std::string{rest.substr(0, end)} + "\r\n";
            if (end == std::string_view::npos) break;
            rest.remove_prefix(end + 1);
        }
        Modified const request{"GET / HTTP/1.1", fields, kProxy, kTrusted};
        EXPECT_EQ(request.facts.client.view(), row.client) << row.lines;
        EXPECT_EQ(request.value("X-Forwarded-For"), std::string{row.sent} + "10.0.0.1")
            << row.lines;
    }
}

TEST(ForwardedFields, WhatIsNoAddress) {
    for (std::string_view const text :
         {"1.2.3",       "1.2.3.4.5",      "256.1.1.1",
          "01.2.3.4",    "0x1.2.3.4",      "1.2.3.4:",
          "1.2.3.4:x",   "1.2.3.4:123456", "1.2.3.4/32",
          "1.2.3.4 5",   "[::1",           "::1]",
          "[::1]x",      "[::1]:",         "[]",
          "[1.2.3.4]",   "fe80::1%eth0",   "[fe80::1%25eth0]",
          "g::1",        ":::1",           "localhost",
          "ab:1",        "\"1.2.3.4\"",    "for=1.2.3.4",
          "1.2.3.4\x80", "-1.2.3.4",       "1.2.3.4:65536",
          "[::1]:70000", "_hidden",        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
        Modified const request{"GET / HTTP/1.1",
                               "Host: h\r\nX-Forwarded-For: " + std::string{text} + "\r\n", kProxy,
                               kTrusted};
        EXPECT_EQ(request.facts.client.view(), "10.0.0.1") << text;
        EXPECT_EQ(request.value("X-Forwarded-For"), "10.0.0.1") << text;
    }
}

TEST(ForwardedFields, ChainIsBounded) {
    Modified const request{"GET / HTTP/1.1",
                           "Host: h\r\nX-Forwarded-For: 203.0.113.9, " + many_hops(40) + "\r\n",
                           kProxy, kTrusted};
    // 32 hops are followed, all of them trusted here; the rest is cut off.
    EXPECT_EQ(request.facts.client.view(), "10.1.1.9");
    EXPECT_TRUE(request.value("X-Forwarded-For").starts_with("10.1.1.9, 10.1.1.10, "));
    EXPECT_TRUE(request.value("X-Forwarded-For").ends_with("10.2.2.2, 10.0.0.1"));
}

TEST(ForwardedFields, ProtoAndHostOfATrustedPeerAreKeptWhereValid) {
    struct Row {
        std::string_view fields;
        std::string_view proto;
        std::string_view host;
    };
    constexpr Row kRows[] = {
        {"X-Forwarded-Proto: https\r\nX-Forwarded-Host: public:443\r\n", "https", "public:443"},
        {"X-Forwarded-Proto: WSS\r\n", "WSS", "h"},
        {"X-Forwarded-Proto: https,http\r\nX-Forwarded-Host: a, b\r\n", "http", "h"},
        {"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n", "http", "h"},
        {"X-Forwarded-Host: a\r\nX-Forwarded-Host: b\r\n", "http", "h"},
        {"X-Forwarded-Proto: javascript\r\nX-Forwarded-Host: a/b\r\n", "http", "h"},
        {"X-Forwarded-Proto:\r\nX-Forwarded-Host:\r\n", "http", "h"},
    };
    for (Row const& row : kRows) {
        Modified const request{"GET / HTTP/1.1", "Host: h\r\n" + std::string{row.fields}, kProxy,
                               kTrusted};
        EXPECT_EQ(request.value("X-Forwarded-Proto"), row.proto) << row.fields;
        EXPECT_EQ(request.value("X-Forwarded-Host"), row.host) << row.fields;
    }
}

TEST(ForwardedFields, OtherFieldsOfATrustedPeer) {
    Modified const request{"GET / HTTP/1.1",
                           "Host: h\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n"
                           "X-Forwarded-Port: 443\r\n",
                           kProxy, kTrusted};
    EXPECT_EQ(request.value("Forwarded"), "for=1.2.3.4");
    EXPECT_EQ(request.value("X-Real-IP"), "1.2.3.4");
    EXPECT_EQ(request.value("X-Forwarded-Port"), "443");

    for (std::string_view const real :
         {"X-Real-IP: evil\r\n", "X-Real-IP: \r\n", "X-Real-IP: 1.1.1.1\r\nX-Real-IP: 2.2.2.2\r\n"})
        EXPECT_EQ(Modified("GET / HTTP/1.1", "Host: h\r\n" + std::string{real}, kProxy, kTrusted)
                      .value("X-Real-IP"),
                  kNone)
            << real;
}

TEST(ForwardedFields, UnixSocketPeersHaveNoAddressToAdd) {
    modifiers::Peer peer{{}, true, "unix:", false};
    Modified const untrusted{"GET / HTTP/1.1", "Host: h\r\nX-Forwarded-For: 1.2.3.4\r\n", peer,
                             kTrusted};
    EXPECT_EQ(untrusted.value("X-Forwarded-For"), kNone);
    EXPECT_EQ(untrusted.value("X-Forwarded-Proto"), "http");
    EXPECT_EQ(untrusted.facts.client.view(), "unix:");

    peer.trusted = true;
    Modified const trusted{"GET / HTTP/1.1", "Host: h\r\nX-Forwarded-For: 1.2.3.4, 10.0.0.2\r\n",
                           peer, kTrusted};
    EXPECT_EQ(trusted.value("X-Forwarded-For"), "1.2.3.4, 10.0.0.2");
    EXPECT_EQ(trusted.facts.client.view(), "1.2.3.4");
}

TEST(ForwardedFields, AZoneStaysInsideItsHost) {
    modifiers::Peer peer = peer_at("fe80::1", false);
    peer.text = "fe80::1%eth0";
    Modified const request{"GET / HTTP/1.1", "Host: h\r\n", peer};
    EXPECT_EQ(request.value("X-Forwarded-For"), "fe80::1");
    EXPECT_EQ(request.facts.client.view(), "fe80::1");
}

TEST(ForwardedFields, RandomChainsNeverMakeGarbageAnAddress) {
    constexpr std::string_view kAlphabet = "0123456789abf.:,[] %x\t";
    core::Random random{7};
    for (int round = 0; round < 5000; ++round) {
        std::string value;
        for (std::uint64_t size = random.below(40); size > 0; --size)
            value += random.below(4) == 0 ? std::string{"10.0.0.2,"}
                                          : std::string{kAlphabet[random.below(kAlphabet.size())]};
        Modified const request{"GET / HTTP/1.1", "Host: h\r\nX-Forwarded-For: " + value + "\r\n",
                               kProxy, kTrusted};
        boost::system::error_code ec;
        static_cast<void>(
            boost::asio::ip::make_address(std::string{request.facts.client.view()}, ec));
        ASSERT_FALSE(ec) << value;
        ASSERT_TRUE(request.value("X-Forwarded-For").ends_with("10.0.0.1")) << value;
    }
}

TEST(TrustedProxies, NetworksAndMappedAddresses) {
    auto const trusts = [](std::string_view address) {
        return kTrusted.trusts(boost::asio::ip::make_address(address));
    };
    EXPECT_TRUE(trusts("10.255.0.1"));
    EXPECT_TRUE(trusts("::ffff:10.0.0.1"));
    EXPECT_TRUE(trusts("fd12::1"));
    EXPECT_FALSE(trusts("11.0.0.1"));
    EXPECT_FALSE(trusts("fe80::1"));
    EXPECT_FALSE(modifiers::TrustedProxies{}.trusts(boost::asio::ip::make_address("127.0.0.1")));
}
