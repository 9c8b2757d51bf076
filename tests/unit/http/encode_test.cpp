#include "reverse_proxy/http/encode.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

using namespace reverse_proxy::http;
using reverse_proxy::core::Text;

namespace {

std::string encoded(Fields const& fields) {
    Text text;
    append_fields(text, fields);
    return std::string{text.view()};
}

constexpr std::string_view kStart = "GET / HTTP/1.1\r\n";

}  // namespace

TEST(Encode, UntouchedFieldsComeOutAsTheyWentIn) {
    std::string const fields = "Host: a\r\nAccept: */*\r\nX-Empty: \r\nX-Long: a, b;c=\"d\"\r\n";
    test::Request const request{std::string{kStart} + fields + "\r\n"};
    EXPECT_EQ(encoded(request.head.fields), fields);
}

TEST(Encode, NoFieldsAreNoBytes) {
    EXPECT_EQ(encoded(Fields{}), "");
}

TEST(Encode, AppendsBehindWhatIsThere) {
    test::Request const request{std::string{kStart} + "Host: a\r\n\r\n"};
    Text text;
    text.append("start\r\n");
    append_fields(text, request.head.fields);
    EXPECT_EQ(text.view(), "start\r\nHost: a\r\n");
}

TEST(Encode, OddLinesAreWrittenInTheOneForm) {
    test::Request const request{std::string{kStart} +
                                "Host:a\r\nX-A:  two blanks\r\nX-B: plain\r\nX-C: behind  \r\n"
                                "X-D:\ttab\t\r\nX-E:\r\nX-F: last\r\n\r\n"};
    EXPECT_EQ(encoded(request.head.fields),
              "Host: a\r\nX-A: two blanks\r\nX-B: plain\r\nX-C: behind\r\n"
              "X-D: tab\r\nX-E: \r\nX-F: last\r\n");
}

TEST(Encode, AnySetOfDroppedFieldsIsLeftOut) {
    // Every subset of seven fields, two of them not in the one form: all runs and gaps there are.
    std::string const names[] = {"Host", "A", "B", "C", "D", "E", "F"};
    std::string text{kStart};
    for (std::string const& name : names)
        text += name + (name == "B" || name == "E" ? ":" : ": ") + "value-" + name + "\r\n";
    for (unsigned dropped = 0; dropped < 1U << 7; ++dropped) {
        test::Request request{text + "\r\n"};
        std::string expected;
        for (unsigned i = 0; i < 7; ++i) {
            bool const drop = (dropped >> i & 1U) != 0;
            request.head.fields.parsed()[i].dropped = drop;
            if (!drop) expected += names[i] + ": value-" + names[i] + "\r\n";
        }
        EXPECT_EQ(encoded(request.head.fields), expected) << dropped;
    }
}

TEST(Encode, AddedFieldsFollowInTheirOrder) {
    test::Request request{std::string{kStart} + "Host: a\r\nVia: 1.0 x\r\nAccept: b\r\n\r\n"};
    Fields& fields = request.head.fields;
    fields.drop(FieldId::via);
    fields.add("Via", "1.0 x", ", ", "1.1 reverse-proxy");
    fields.add("X-Real-IP", "192.0.2.1");
    fields.extend("0");
    fields.add("X-Empty", "");
    EXPECT_EQ(encoded(fields), "Host: a\r\nAccept: b\r\nVia: 1.0 x, 1.1 reverse-proxy\r\n"
                               "X-Real-IP: 192.0.2.10\r\nX-Empty: \r\n");
}

TEST(Encode, FieldsOfAResponseToo) {
    test::Response const response{
        "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"};
    EXPECT_EQ(encoded(response.head.fields), "Server: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
}

TEST(Encode, Numbers) {
    Text text;
    append_number(text, 0);
    text.append(" ");
    append_number(text, 1234567890);
    text.append(" ");
    append_number(text, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(text.view(), "0 1234567890 18446744073709551615");
}

TEST(Encode, OneField) {
    Text text;
    append_field(text, "Name", "value");
    append_field(text, "Empty", "");
    EXPECT_EQ(text.view(), "Name: value\r\nEmpty: \r\n");
}
