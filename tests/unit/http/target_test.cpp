#include "reverse_proxy/http/target.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy::http;
using reverse_proxy::core::FailureKind;
using Form = Target::Form;

TEST(Target, Accepted) {
    struct Row {
        std::string_view method, text;
        Form form;
        std::string_view authority, path_and_query, path;
        bool slash_missing;
    };
    constexpr Row kRows[] = {
        {"GET", "/", Form::origin, "", "/", "/", false},
        {"GET", "/a/b?c=d", Form::origin, "", "/a/b?c=d", "/a/b", false},
        {"GET", "/?", Form::origin, "", "/?", "/", false},
        {"GET", "//h/p", Form::origin, "", "//h/p", "//h/p", false},
        {"GET", "/%2F/%7a/../a", Form::origin, "", "/%2F/%7a/../a", "/%2F/%7a/../a", false},
        // what a query means is for the origin alone to say
        {"GET", "/a?100%&%zz", Form::origin, "", "/a?100%&%zz", "/a", false},
        {"GET", "http://h/%41?%", Form::absolute, "h", "/%41?%", "/%41", false},
        {"GET", "/\"<>\\^`{|}", Form::origin, "", "/\"<>\\^`{|}", "/\"<>\\^`{|}", false},
        {"GET", "/a?b?c", Form::origin, "", "/a?b?c", "/a", false},
        {"GET", "/http://h/", Form::origin, "", "/http://h/", "/http://h/", false},
        {"GET", "http://h/p?q", Form::absolute, "h", "/p?q", "/p", false},
        {"GET", "HTTP://h:8080/p", Form::absolute, "h:8080", "/p", "/p", false},
        {"GET", "https://[::1]:1/", Form::absolute, "[::1]:1", "/", "/", false},
        {"GET", "http://h", Form::absolute, "h", "/", "/", false},
        {"GET", "http://h?q", Form::absolute, "h", "?q", "/", true},
        {"GET", "http://h?q/r", Form::absolute, "h", "?q/r", "/", true},
        {"GET", "http://h//x", Form::absolute, "h", "//x", "//x", false},
        {"GET", "http://h/a@b", Form::absolute, "h", "/a@b", "/a@b", false},
        {"OPTIONS", "*", Form::asterisk, "", "*", "*", false},
        {"OPTIONS", "http://h", Form::absolute, "h", "*", "*", false},
        {"OPTIONS", "http://h/", Form::absolute, "h", "/", "/", false},
        {"OPTIONS", "http://h?q", Form::absolute, "h", "?q", "/", true},
        {"OPTIONS", "/", Form::origin, "", "/", "/", false},
        {"PURGE", "/x", Form::origin, "", "/x", "/x", false},
        {"connect", "/x", Form::origin, "", "/x", "/x", false},
    };
    for (Row const& row : kRows) {
        auto const target = parse_target(row.method, row.text);
        ASSERT_TRUE(target.has_value()) << row.method << ' ' << row.text;
        EXPECT_EQ(target->form, row.form) << row.text;
        EXPECT_EQ(target->authority, row.authority) << row.text;
        EXPECT_EQ(target->path_and_query, row.path_and_query) << row.text;
        EXPECT_EQ(target->path, row.path) << row.text;
        EXPECT_EQ(target->slash_missing, row.slash_missing) << row.text;
    }
    EXPECT_TRUE(parse_target("GET", "https://h/")->is_https);
    EXPECT_FALSE(parse_target("GET", "http://h/")->is_https);
}

TEST(Target, Refused) {
    using namespace std::string_view_literals;
    for (std::string_view const text : {""sv,
                                        "*"sv,
                                        "a"sv,
                                        "h:80"sv,
                                        "?q"sv,
                                        "/#f"sv,
                                        "/a b"sv,
                                        "/a\tb"sv,
                                        "/a\0b"sv,
                                        "/\x7f"sv,
                                        "/\x80"sv,
                                        "/\xc3\xa4"sv,
                                        "/a\rb"sv,
                                        "**"sv,
                                        "*/"sv,
                                        "http:/h/"sv,
                                        "http:h"sv,
                                        "http://"sv,
                                        "http:///p"sv,
                                        "http://?q"sv,
                                        "http://u@h/"sv,
                                        "http://u:p@h/"sv,
                                        "http://h/#f"sv,
                                        "http://h#f"sv,
                                        "http://h\\@i/"sv,
                                        "ftp://h/"sv,
                                        "ws://h/"sv,
                                        "httpss://h/"sv,
                                        "http://h:/"sv,
                                        "http://h:99999/"sv,
                                        "http://[::1/"sv,
                                        "http://h i/"sv,
                                        "//h\n"sv,
                                        "http://h:80:81/"sv,
                                        "http//h/"sv,
                                        "/%"sv,
                                        "/%2"sv,
                                        "/a%zz"sv,
                                        "/%%41"sv,
                                        "/%2g?q"sv,
                                        "/%u0041"sv,
                                        "/%-1"sv,
                                        "http://h/%zz"sv,
                                        "http://h/%?41"sv,
                                        "\x01/"sv}) {
        auto const target = parse_target("GET", text);
        ASSERT_FALSE(target.has_value()) << text;
        EXPECT_EQ(target.error().kind, FailureKind::request_malformed) << text;
    }
    EXPECT_FALSE(parse_target("OPTIONS", "*a").has_value());
    EXPECT_FALSE(parse_target("options", "*").has_value());
}

TEST(Target, ConnectIsNotSupported) {
    for (std::string_view const text : {"h:443", "/", "*", "\x01"})
        EXPECT_EQ(parse_target("CONNECT", text).error().kind, FailureKind::method_not_supported);
}

TEST(Target, UserInformationIsNotShown) {
    std::pair<std::string_view, std::string_view> const cases[] = {
        {"http://user:secret@host/path?q", "host/path?q"},
        {"http://user:secret@host", "host"},
        {"user:secret@host:443", "host:443"},
        {"user:secret@host:443?u=http://x", "host:443?u=http://x"},
        {"user@host:443?u=http://x", "host:443?u=http://x"},
        {"http://a@b@host/", "host/"},
        {"http://host/a@b", "http://host/a@b"},
        {"http://host?a@b", "http://host?a@b"},
        {"/a@b", "/a@b"},
        {"/http://user@host/", "/http://user@host/"},
        {"*", "*"},
        {"", ""},
    };
    for (auto const& [given, shown] : cases)
        EXPECT_EQ(behind_user_information(given), shown) << given;
}

TEST(Authority, Valid) {
    for (std::string_view const text :
         {"h", "example.com", "EXAMPLE.com.", "a-b_c~d.e", "127.0.0.1", "127.0.0.1:8000", "h:0",
          "h:65535", "h:00080", "[::1]", "[::1]:8000", "[2001:db8::1]", "[::ffff:192.0.2.1]:1",
          "xn--bcher-kva.example", "a%20b"})
        EXPECT_TRUE(valid_authority(text)) << text;
}

TEST(Authority, NotValid) {
    using namespace std::string_view_literals;
    for (std::string_view const text : {""sv,
                                        ":80"sv,
                                        "h:"sv,
                                        "h:x"sv,
                                        "h:65536"sv,
                                        "h:000080"sv,
                                        "h:+80"sv,
                                        "h:80:80"sv,
                                        "u@h"sv,
                                        "h/"sv,
                                        "h?"sv,
                                        "h#"sv,
                                        "a b"sv,
                                        "a,b"sv,
                                        "a;b"sv,
                                        "a=b"sv,
                                        "h\""sv,
                                        "h\\i"sv,
                                        "[::1"sv,
                                        "::1"sv,
                                        "::1]"sv,
                                        "[]"sv,
                                        "[::1]x"sv,
                                        "[::1]:"sv,
                                        "[::1%25eth0]"sv,
                                        "[::1%lo]"sv,
                                        "[v1.a]"sv,
                                        "[:::]"sv,
                                        "[127.0.0.1]"sv,
                                        "[1:2:3:4:5:6:7:8:9]"sv,
                                        "[[::1]]"sv,
                                        "a%2"sv,
                                        "a%2g"sv,
                                        "%"sv,
                                        "h\0"sv,
                                        "h\x80"sv,
                                        "<h>"sv,
                                        "h:80 "sv,
                                        " h"sv,
                                        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"sv})
        EXPECT_FALSE(valid_authority(text)) << text;
}

TEST(Authority, SamePlace) {
    EXPECT_TRUE(same_authority("h", "H:80", false));
    EXPECT_TRUE(same_authority("h:443", "h", true));
    EXPECT_TRUE(same_authority("h:0080", "h", false));
    EXPECT_TRUE(same_authority("[::A]", "[::a]:80", false));
    EXPECT_FALSE(same_authority("h", "h:80", true));
    EXPECT_FALSE(same_authority("h:81", "h", false));
    EXPECT_FALSE(same_authority("[::1]", "[::2]", false));
    EXPECT_FALSE(same_authority("h", "i", false));
}
