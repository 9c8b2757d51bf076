#include "reverse_proxy/core/ip_network.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

using namespace std::string_view_literals;
using boost::asio::ip::make_address;
using reverse_proxy::core::IpNetwork;
using reverse_proxy::core::text_of;
using reverse_proxy::core::unmapped;

TEST(IpNetwork, ReadsAndNormalises) {
    struct Case {
        std::string_view given;
        std::string_view text;
    };
    Case const cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"10.1.2.3/8", "10.0.0.0/8"},  // host bits are dropped
        {"192.0.2.7", "192.0.2.7"},
        {"192.0.2.7/32", "192.0.2.7"},
        {"192.0.2.255/25", "192.0.2.128/25"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"255.255.255.255/0", "0.0.0.0/0"},
        {"::1", "::1"},
        {"::1/128", "::1"},
        {"::/0", "::/0"},
        {"fd00::/8", "fd00::/8"},
        {"FDFF:1::2/9", "fd80::/9"},
        {"2001:db8:0:0:0:0:0:1/64", "2001:db8::/64"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1/120", "192.0.2.0/24"},
        {"::ffff:0:0/96", "0.0.0.0/0"},
    };
    for (auto const& c : cases) {
        auto const network = IpNetwork::parse(c.given);
        ASSERT_TRUE(network) << c.given;
        EXPECT_EQ(network->text(), c.text) << c.given;
    }
}

TEST(IpNetwork, RefusesAnythingElse) {
    std::string_view const cases[] = {
        "",
        " ",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.0/ 8",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/4294967304",
        "10.0.0",
        "10.0.0.256",
        "010.0.0.1",
        "10.0.0.1 ",
        "10.0.0.1\n",
        "10.0.0.1\0"sv,
        "10.0.0.1\0/8"sv,
        "::1/129",
        "::1/0128",
        ":::",
        "1::2::3",
        "12345::",
        "fe80::1%lo",
        "[::1]",
        "::ffff:0:0/95",
        "::ffff:10.0.0.1/8",
        "localhost",
        "*",
    };
    for (auto const& text : cases)
        EXPECT_FALSE(IpNetwork::parse(text)) << '"' << text << '"';
}

TEST(IpNetwork, ContainsComparesTheLeadingBits) {
    struct Case {
        std::string_view network;
        std::string address;
        bool contained;
    };
    Case const cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "127.0.0.1", false},
        {"::/0", "::ffff:127.0.0.1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"fe80::/10", "fe80::1%1", true},
        {"fe80::1", "fe80::1%1", true},
        {"::1", "::2", false},
    };
    for (auto const& c : cases) {
        auto const network = IpNetwork::parse(c.network);
        ASSERT_TRUE(network) << c.network;
        EXPECT_EQ(network->contains(make_address(c.address)), c.contained)
            << c.network << ' ' << c.address;
    }
}

TEST(IpNetwork, TextOfAnAddressIsWhatAsioWrites) {
    for (char const* const text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "10.200.3.40", "::",
                                   "::1", "::ffff:192.0.2.1", "2001:db8::1:0:0:1", "fe80::1%1"}) {
        EXPECT_EQ(text_of(make_address(text)), make_address(text).to_string());
    }
}

TEST(IpNetwork, UnmappedKeepsEverythingElse) {
    EXPECT_EQ(unmapped(make_address("::ffff:192.0.2.1")), make_address("192.0.2.1"));
    EXPECT_EQ(unmapped(make_address("192.0.2.1")), make_address("192.0.2.1"));
    EXPECT_EQ(unmapped(make_address("::1")), make_address("::1"));
    // IPv4-compatible, not mapped (RFC 4291 2.5.5.1).
    EXPECT_EQ(unmapped(make_address("::192.0.2.1")), make_address("::192.0.2.1"));
}
