// A second judge: Boost.Beast's parser, which reads heads by itself and has been looked at by many.
#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "tests/unit/http/heads.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace beast = boost::beast;
using namespace reverse_proxy::http;

namespace {

struct Line {
    std::string name;
    std::string value;
    friend bool operator==(Line const&, Line const&) = default;
};

std::vector<Line> lines_of(Fields const& fields) {
    std::vector<Line> lines;
    for (Field const& field : fields.parsed())
        lines.push_back({std::string{field.name}, std::string{field.value}});
    return lines;
}

/// Beast merges nothing but keeps fields of one name together, so both sides are sorted.
std::vector<Line> sorted(std::vector<Line> lines) {
    std::stable_sort(lines.begin(), lines.end(),
                     [](Line const& a, Line const& b) { return beast::iless{}(a.name, b.name); });
    return lines;
}

template <bool IsRequest>
bool read_by_beast(std::string const& text,
                   beast::http::parser<IsRequest, beast::http::empty_body>& parser) {
    boost::system::error_code ec;
    parser.header_limit(65'536);
    parser.body_limit(boost::none);
    parser.put(boost::asio::buffer(text), ec);
    return !ec && parser.is_header_done();
}

template <bool IsRequest>
std::vector<Line> lines_of(beast::http::parser<IsRequest, beast::http::empty_body> const& parser) {
    std::vector<Line> lines;
    for (auto const& field : parser.get())
        lines.push_back({std::string{field.name_string()}, std::string{field.value()}});
    return lines;
}

/// A head of pieces that matter, more often sound than not.
std::string random_head(std::string_view start_line, reverse_proxy::core::Random& random) {
    static constexpr std::string_view kPieces[] = {"Host: h\r\n",
                                                   "A: b\r\n",
                                                   "a:c\r\n",
                                                   "X-Blank: \t two words \t\r\n",
                                                   "Empty:\r\n",
                                                   "Connection: close, x\r\n",
                                                   "Connection: ,\r\n",
                                                   "Long: 0123456789abcdef0123456789abcdef\r\n",
                                                   "High: \x80\xff\r\n",
                                                   "!#$%&'*+-.^_`|~: 1\r\n",
                                                   "Tab: a\tb\r\n"};
    static constexpr std::string_view kFaults[] = {"\r", "\n", " ", ":", "\t", "A", "\x7f", "\x01"};
    std::string text{start_line};
    text += "\r\n";
    for (std::uint64_t pieces = random.below(8); pieces > 0; --pieces)
        text += kPieces[random.below(std::size(kPieces))];
    text += "\r\n";
    if (random.below(2) == 0)
        text.insert(random.below(text.size()), kFaults[random.below(std::size(kFaults))]);
    return text;
}

}  // namespace

TEST(BeastAgreement, RequestsThatAreAcceptedReadTheSame) {
    reverse_proxy::core::Random random{91'120};
    unsigned accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string const text = random_head("GET /a?b HTTP/1.1", random);
        RequestHead head;
        HeadScanner scanner;
        auto const size = read_head(text, test::kLimits, scanner, head);
        if (!size || *size == 0) continue;
        ++accepted;
        beast::http::request_parser<beast::http::empty_body> parser;
        ASSERT_TRUE(read_by_beast(text.substr(0, *size), parser)) << text;
        EXPECT_EQ(head.method, parser.get().method_string());
        EXPECT_EQ(head.target, parser.get().target());
        EXPECT_EQ(head.minor_version + 10, parser.get().version());
        EXPECT_TRUE(sorted(lines_of(head.fields)) == sorted(lines_of(parser))) << text;
    }
    EXPECT_GT(accepted, 5'000U);
}

TEST(BeastAgreement, ResponsesThatAreAcceptedReadTheSame) {
    reverse_proxy::core::Random random{91'121};
    unsigned accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string const text = random_head("HTTP/1.0 404 Not Found", random);
        ResponseHead head;
        HeadScanner scanner{HeadScanner::Part::response_head};
        auto const size = read_head(text, test::kLimits, scanner, head);
        if (!size || *size == 0) continue;
        ++accepted;
        beast::http::response_parser<beast::http::empty_body> parser;
        ASSERT_TRUE(read_by_beast(text.substr(0, *size), parser)) << text;
        EXPECT_EQ(head.status, parser.get().result_int());
        EXPECT_EQ(head.reason_phrase, parser.get().reason());
        EXPECT_TRUE(sorted(lines_of(head.fields)) == sorted(lines_of(parser))) << text;
    }
    EXPECT_GT(accepted, 5'000U);
}
