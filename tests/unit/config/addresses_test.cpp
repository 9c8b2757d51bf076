#include "config/addresses.hpp"
#include "tests/support/os.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace reverse_proxy::config;
using namespace std::string_view_literals;
using reverse_proxy::test_support::os::is_windows;
using testing::HasSubstr;

TEST(ListenAddress, ReadsAndNormalises) {
    struct Case {
        std::string_view given;
        std::string_view host;
        std::uint16_t port;
        std::string_view text;
    };
    Case const cases[] = {
        {"0.0.0.0:8000", "0.0.0.0", 8000, "0.0.0.0:8000"},
        {":8000", "0.0.0.0", 8000, "0.0.0.0:8000"},
        {"127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1:0"},
        {"127.0.0.1:65535", "127.0.0.1", 65535, "127.0.0.1:65535"},
        {"[::]:8000", "::", 8000, "[::]:8000"},
        {"[0:0:0:0:0:0:0:1]:80", "::1", 80, "[::1]:80"},
        {"[2001:DB8::A]:80", "2001:db8::a", 80, "[2001:db8::a]:80"},
        {"LocalHost:8000", "localhost", 8000, "localhost:8000"},
        {"my_host.internal:1", "my_host.internal", 1, "my_host.internal:1"},
    };
    for (auto const& c : cases) {
        auto const parsed = parse_listen_address(c.given);
        ASSERT_TRUE(std::holds_alternative<ListenAddress>(parsed)) << c.given;
        auto const& address = std::get<ListenAddress>(parsed);
        EXPECT_EQ(address.host, c.host);
        EXPECT_EQ(address.port, c.port);
        EXPECT_FALSE(address.is_unix());
        EXPECT_EQ(address.text(), c.text);
    }
}

TEST(ListenAddress, UnixSocketsByAbsolutePathOfAtMost107Bytes) {
    if (is_windows()) GTEST_SKIP() << "no unix sockets";
    auto const longest = "unix:/" + std::string(106, 'x');
    for (auto const text : {"unix:/run/proxy.sock"sv, "unix:/a b:8"sv, std::string_view{longest}}) {
        auto const parsed = parse_listen_address(text);
        ASSERT_TRUE(std::holds_alternative<ListenAddress>(parsed)) << text;
        EXPECT_TRUE(std::get<ListenAddress>(parsed).is_unix());
        EXPECT_EQ(std::get<ListenAddress>(parsed).text(), text);
    }
}

TEST(ListenAddress, RefusesAnythingElse) {
    struct Case {
        std::string text;
        std::string_view what;
    };
    Case const cases[] = {
        {"8000", "no port"},
        {"localhost", "no port"},
        {"127.0.0.1:", "has a port"},
        {"127.0.0.1:65536", "has a port"},
        {"127.0.0.1:-1", "has a port"},
        {"127.0.0.1:http", "has a port"},
        {"127.0.0.1: 80", "has a port"},
        {"127.0.0.1:80/", "has a port"},
        {"::1:80", "brackets"},
        {"::", "has a port"},
        {"[127.0.0.1]:80", "brackets"},
        {"[localhost]:80", "brackets"},
        {"[::1:80", "brackets"},
        {"[::g]:80", "no IPv6 address"},
        {"[]:80", "brackets"},
        {"[::1]", "has a port"},
        {"[::1]x:80", "brackets"},
        {"http://0.0.0.0:80", "brackets"},
        {"300.0.0.1:80", "looks like an IPv4 address"},
        {"127.1:80", "looks like an IPv4 address"},
        {"127.0.0.01:80", "looks like an IPv4 address"},
        {"*:80", "neither an address nor a name"},
        {"a b:80", "neither an address nor a name"},
        {"a..b:80", "neither an address nor a name"},
        {".:80", "neither an address nor a name"},
        {"a\n:80", "neither an address nor a name"},
        {std::string{"127.0.0.1\0:80", 13}, "neither an address nor a name"},
        {std::string(64, 'a') + ":80", "neither an address nor a name"},
        {std::string(254, 'a') + ":80", "253 bytes"},
        {"unix:", "no absolute path"},
        {"unix:run/x", "no absolute path"},
        {"unix:/a\nb", "control byte"},
        {"unix:/" + std::string(107, 'x'), "107 bytes"},
    };
    for (auto const& c : cases) {
        auto const parsed = parse_listen_address(c.text);
        ASSERT_TRUE(std::holds_alternative<Problem>(parsed)) << c.text;
        EXPECT_THAT(std::get<Problem>(parsed).what, HasSubstr(c.what)) << c.text;
        EXPECT_EQ(std::get<Problem>(parsed).given, shown(c.text));
    }
}

TEST(UpstreamUrl, ReadsAndNormalises) {
    struct Case {
        std::string_view given;
        std::string_view host;
        std::uint16_t port;
        std::string_view prefix;
        bool is_address;
        std::string_view authority;
    };
    Case const cases[] = {
        {"http://127.0.0.1:9000", "127.0.0.1", 9000, "", true, "127.0.0.1:9000"},
        {"http://127.0.0.1", "127.0.0.1", 80, "", true, "127.0.0.1"},
        {"http://127.0.0.1:80/", "127.0.0.1", 80, "", true, "127.0.0.1"},
        {"http://127.0.0.1:0080", "127.0.0.1", 80, "", true, "127.0.0.1"},
        {"http://127.0.0.1:443", "127.0.0.1", 443, "", true, "127.0.0.1:443"},
        {"HTTP://Origin.Example:65535/", "origin.example", 65535, "", false,
         "origin.example:65535"},
        {"http://my_service:8080/api/", "my_service", 8080, "/api", false, "my_service:8080"},
        {"http://origin./a//", "origin.", 80, "/a", false, "origin."},
        {"http://origin/A%2fb;c=d/@:~", "origin", 80, "/A%2fb;c=d/@:~", false, "origin"},
        {"http://[::1]", "::1", 80, "", true, "[::1]"},
        {"http://[2001:DB8:0::A]:9000/x", "2001:db8::a", 9000, "/x", true, "[2001:db8::a]:9000"},
        {"http://1and1.example", "1and1.example", 80, "", false, "1and1.example"},
    };
    for (auto const& c : cases) {
        auto const parsed = parse_upstream_url(c.given);
        ASSERT_TRUE(std::holds_alternative<UpstreamUrl>(parsed))
            << c.given << ' ' << std::get<Problem>(parsed).what;
        auto const& url = std::get<UpstreamUrl>(parsed);
        EXPECT_EQ(url.host, c.host);
        EXPECT_EQ(url.port, c.port);
        EXPECT_EQ(url.prefix, c.prefix);
        EXPECT_EQ(url.host_is_address, c.is_address) << c.given;
        EXPECT_EQ(url.authority, c.authority);
        EXPECT_EQ(url.text(), "http://" + std::string{c.authority} + std::string{c.prefix});
    }
}

TEST(UpstreamUrl, RefusesAnythingElse) {
    struct Case {
        std::string text;
        std::string_view what;
    };
    Case const cases[] = {
        {"127.0.0.1:9000", "no http://"},
        {"localhost", "no http://"},
        {"http:/127.0.0.1", "no http://"},
        {"//127.0.0.1", "no http://"},
        {"https://origin", "scheme other than http"},
        {"h2c://origin", "scheme other than http"},
        {"unix:///run/x", "scheme other than http"},
        {"http://", "no host"},
        {"http://:9000", "no host"},
        {"http:///path", "no host"},
        {"http://origin:", "no port after it"},
        {"http://origin:/x", "no port after it"},
        {"http://origin:0", "1 to 65535"},
        {"http://origin:65536", "1 to 65535"},
        {"http://origin:99999999999999999999", "1 to 65535"},
        {"http://origin:-1", "neither a port nor a path"},
        {"http://origin:http", "neither a port nor a path"},
        {"http://origin:80x", "neither a port nor a path"},
        {"http://origin:80:90/x", "neither a port nor a path"},
        {"http://[::1]x", "neither a port nor a path"},
        {"http://origin?", "a query"},
        {"http://origin/x?y=z", "a query"},
        {"http://origin#", "a fragment"},
        {"http://origin/x#y", "a fragment"},
        {"http://origin/%zz", "not a URL"},
        {"http://origin/a|b", "not a URL"},
        {"http://ori gin", "blank, a control"},
        {"http://origin/\r\nX:y", "blank, a control"},
        {std::string{"http://origin/\0", 15}, "blank, a control"},
        {"http://\xc3\xa4.example", "blank, a control"},
        {"http://a%2eb", "neither an address nor a name"},
        {"http://a!b", "neither an address nor a name"},
        {"http://a..b", "neither an address nor a name"},
        {"http://256.0.0.1", "looks like an IPv4 address"},
        {"http://127.1", "looks like an IPv4 address"},
        {"http://[v1.x]", "brackets"},
        {"http://[::1", "not a URL"},
        {"http://::1", "no host"},
        {"http://http://origin", "no port after it"},
    };
    for (auto const& c : cases) {
        auto const parsed = parse_upstream_url(c.text);
        ASSERT_TRUE(std::holds_alternative<Problem>(parsed)) << c.text;
        EXPECT_THAT(std::get<Problem>(parsed).what, HasSubstr(c.what)) << c.text;
        EXPECT_EQ(std::get<Problem>(parsed).given, shown(c.text));
    }
}

TEST(UpstreamUrl, NeverShowsAPassword) {
    struct Case {
        std::string_view text;
        std::string_view given;
    };
    Case const cases[] = {
        {"http://user:secret@origin", R"("http://***@origin")"},
        {"http://user:sec@ret@origin", R"("http://***@origin")"},
        {"user:secret@origin", R"("***@origin")"},
        {"https://secret@origin", R"("https://***@origin")"},
        {"http://secret\n@origin", R"("http://***@origin")"},
    };
    for (auto const& c : cases) {
        auto const parsed = parse_upstream_url(c.text);
        ASSERT_TRUE(std::holds_alternative<Problem>(parsed)) << c.text;
        EXPECT_EQ(std::get<Problem>(parsed).given, c.given) << c.text;
    }
    EXPECT_THAT(std::get<Problem>(parse_upstream_url("http://user:pw@origin")).what,
                HasSubstr("user name or password"));
}
