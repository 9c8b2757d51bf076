#include "reverse_proxy/http/characters.hpp"
#include "reverse_proxy/http/field_id.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

using namespace reverse_proxy::http;

namespace {

struct Row {
    std::string_view name;
    FieldId id;
};

constexpr Row kKnown[] = {
    {"Authorization", FieldId::authorization},
    {"Connection", FieldId::connection},
    {"Content-Length", FieldId::content_length},
    {"Content-Type", FieldId::content_type},
    {"Cookie", FieldId::cookie},
    {"Date", FieldId::date},
    {"Expect", FieldId::expect},
    {"Forwarded", FieldId::forwarded},
    {"Host", FieldId::host},
    {"Keep-Alive", FieldId::keep_alive},
    {"Max-Forwards", FieldId::max_forwards},
    {"Proxy-Authenticate", FieldId::proxy_authenticate},
    {"Proxy-Authorization", FieldId::proxy_authorization},
    {"Proxy-Connection", FieldId::proxy_connection},
    {"Proxy-Status", FieldId::proxy_status},
    {"Retry-After", FieldId::retry_after},
    {"Server", FieldId::server},
    {"TE", FieldId::te},
    {"Trailer", FieldId::trailer},
    {"Transfer-Encoding", FieldId::transfer_encoding},
    {"traceparent", FieldId::traceparent},
    {"tracestate", FieldId::tracestate},
    {"Upgrade", FieldId::upgrade},
    {"User-Agent", FieldId::user_agent},
    {"Via", FieldId::via},
    {"X-Forwarded", FieldId::x_forwarded},
    {"X-Forwarded-Port", FieldId::x_forwarded},
    {"X-Forwarded-Prefix", FieldId::x_forwarded},
    {"X-Forwarded-", FieldId::x_forwarded},
    {"X-Forwarded-For", FieldId::x_forwarded_for},
    {"X-Forwarded-Host", FieldId::x_forwarded_host},
    {"X-Forwarded-Proto", FieldId::x_forwarded_proto},
    {"X-Real-IP", FieldId::x_real_ip},
    {"X-Request-Id", FieldId::x_request_id},
};

std::string in_case(std::string_view name, int (*change)(int)) {
    std::string text{name};
    std::transform(text.begin(), text.end(), text.begin(),
                   [change](unsigned char c) { return static_cast<char>(change(c)); });
    return text;
}

}  // namespace

TEST(FieldId, KnownNamesInAnyCase) {
    for (Row const& row : kKnown) {
        EXPECT_EQ(field_id(row.name), row.id) << row.name;
        EXPECT_EQ(field_id(in_case(row.name, std::toupper)), row.id) << row.name;
        EXPECT_EQ(field_id(in_case(row.name, std::tolower)), row.id) << row.name;
    }
}

TEST(FieldId, NearMissesAreOther) {
    for (std::string_view const name :
         {"", "H", "x", "Hosts", "Hos", "Xia", "Accept", "X-Forwardedfor", "X-Forwarded1For",
          "X-Forwarde", "Content-Lengti", "ContentxLength", "Content-Length-", "XxRealxIP",
          "X-Request-Ident", "X-Api-Key", "Proxi", "Ho\x13t", "\x68\x0fst"})
        EXPECT_EQ(field_id(name), FieldId::other) << name;
}

TEST(FieldId, NoOtherByteOfATokenPassesForALetter) {
    for (Row const& row : kKnown) {
        if (row.name.starts_with("X-Forwarded")) continue;  // a family of names
        for (std::size_t place = 0; place < row.name.size(); ++place) {
            for (char byte = '!'; byte < 0x7F; ++byte) {
                std::string name{row.name};
                if (!is_token_char(byte) || std::tolower(byte) == std::tolower(name[place]))
                    continue;
                name[place] = byte;
                EXPECT_NE(field_id(name), row.id) << name;
            }
        }
    }
}

TEST(FieldId, SpellingsThatImitateSteeringFields) {
    for (std::string_view const name : {"Content_Length",
                                        "content.length",
                                        "Transfer_Encoding",
                                        "TRANSFER_ENCODING",
                                        "Keep_Alive",
                                        "Proxy_Connection",
                                        "Proxy_Authorization",
                                        "Max_Forwards",
                                        "X_Forwarded_For",
                                        "X-Forwarded_For",
                                        "X_Forwarded-Proto",
                                        "x.forwarded.host",
                                        "X_Forwarded",
                                        "X-Forwarded-Client_Cert",
                                        "X_Real_IP",
                                        "X-Real_IP",
                                        "X_Request_Id",
                                        "X!Request-Id",
                                        "Proxy",
                                        "proxy"})
        EXPECT_EQ(field_id(name), FieldId::imitation) << name;
}

TEST(FieldId, OtherNamesWithUnderscoresPass) {
    for (std::string_view const name : {"User_Agent", "Content_Type", "My_Field", "_", "__"})
        EXPECT_EQ(field_id(name), FieldId::other) << name;
}

TEST(FieldId, ComparisonIsForLettersAlone) {
    EXPECT_TRUE(iequals("Keep-Alive", "kEEP-aLIVE"));
    EXPECT_TRUE(iequals("", ""));
    EXPECT_FALSE(iequals("a", "ab"));
    EXPECT_FALSE(iequals("a", "b"));
    EXPECT_FALSE(iequals("[", "{"));  // 0x5B and 0x7B
    EXPECT_FALSE(iequals("@", "`"));
    EXPECT_FALSE(iequals("\r", "-"));
}

TEST(FieldSet, HoldsEveryIdentifierApart) {
    for (unsigned i = 0; i < static_cast<unsigned>(FieldId::count); ++i) {
        FieldSet set;
        set.insert(static_cast<FieldId>(i));
        for (unsigned j = 0; j < static_cast<unsigned>(FieldId::count); ++j)
            EXPECT_EQ(set.contains(static_cast<FieldId>(j)), i == j);
    }
}
