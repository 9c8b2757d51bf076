// The one file that instantiates Beast's parser: it costs seconds to compile.
#include "reverse_proxy/http/head.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

namespace reverse_proxy::http {
namespace {

namespace beast = boost::beast;
using boost::system::error_code;

std::string_view view(beast::string_view text) {
    return {text.data(), text.size()};
}

/// What both directions share: fields go into the flat table as slices, the content is never seen.
template <bool IsRequest> class HeadParser : public beast::http::basic_parser<IsRequest> {
public:
    HeadParser(std::string_view bytes, std::size_t max_fields, Fields& fields)
        : bytes_{bytes}, max_fields_{max_fields}, fields_{fields} {
        this->header_limit(std::numeric_limits<std::uint32_t>::max());  // HeadScanner's matter
        this->body_limit(boost::none);
        this->skip(true);  // the parser is done with the head
    }

    [[nodiscard]] std::string_view reason() const { return reason_; }
    [[nodiscard]] bool too_many() const { return too_many_; }

protected:
    void refuse(std::string_view reason, error_code& ec) {
        reason_ = reason;
        ec = beast::http::error::bad_field;
    }

private:
    void on_field_impl(beast::http::field /*known*/, beast::string_view name,
                       beast::string_view value, error_code& ec) override {
        if (fields_.parsed().size() == max_fields_) {
            too_many_ = true;
            return refuse("too many fields", ec);
        }
        // Beast joins a folded value in a buffer of its own, or steps over empty lines of it.
        char const* const colon = name.data() + name.size();
        std::less<> const before;  // the pointers may be of two buffers
        if (before(value.data(), colon) || before(bytes_.data() + bytes_.size(), value.data()))
            return refuse("folded field", ec);
        for (char const* blank = colon + 1; blank != value.data(); ++blank)
            if (*blank != ' ' && *blank != '\t') return refuse("folded field", ec);

        char const* const value_end = value.data() + value.size();
        char const* line_end = value_end;
        while (*line_end != '\n')  // over blanks and CR, which Beast has seen to be there
            ++line_end;
        ++line_end;
        bool const canonical =
            value.data() - colon == 2 && colon[1] == ' ' && line_end - value_end == 2;
        std::string_view const line{name.data(), static_cast<std::size_t>(line_end - name.data())};
        FieldId const id = field_id(view(name));
        if (id == FieldId::connection && !count_options(view(value)))
            return refuse("too many connection options", ec);
        fields_.append({view(name), view(value), line, id, false, canonical});
    }

    /// Each option is looked for among all fields: more of them than a head may have fields are of
    /// no use but to make that slow.
    bool count_options(std::string_view value) {
        options_ += static_cast<std::size_t>(std::count(value.begin(), value.end(), ',')) + 1;
        too_many_ = options_ > max_fields_;
        return !too_many_;
    }

    void on_header_impl(error_code& /*ec*/) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const& /*length*/,
                           error_code& /*ec*/) override {}
    std::size_t on_body_impl(beast::string_view /*body*/, error_code& /*ec*/) override { return 0; }
    void on_chunk_header_impl(std::uint64_t /*size*/, beast::string_view /*extensions*/,
                              error_code& /*ec*/) override {}
    std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, beast::string_view /*body*/,
                                   error_code& /*ec*/) override {
        return 0;
    }
    void on_finish_impl(error_code& /*ec*/) override {}

    std::string_view bytes_;
    std::size_t max_fields_;
    Fields& fields_;
    std::string_view reason_;
    std::size_t options_{0};
    bool too_many_{false};
};

class RequestParser final : public HeadParser<true> {
public:
    RequestParser(std::string_view bytes, std::size_t max_fields, RequestHead& head)
        : HeadParser{bytes, max_fields, head.fields}, head_{head} {}

private:
    void on_request_impl(beast::http::verb /*method*/, beast::string_view method,
                         beast::string_view target, int version, error_code& /*ec*/) override {
        head_.method = view(method);
        head_.target = view(target);
        head_.minor_version = static_cast<unsigned>(version % 10);
    }
    void on_response_impl(int /*status*/, beast::string_view /*reason*/, int /*version*/,
                          error_code& /*ec*/) override {}

    RequestHead& head_;
};

class ResponseParser final : public HeadParser<false> {
public:
    ResponseParser(std::string_view bytes, std::size_t max_fields, ResponseHead& head)
        : HeadParser{bytes, max_fields, head.fields}, head_{head} {}

private:
    void on_request_impl(beast::http::verb /*method*/, beast::string_view /*name*/,
                         beast::string_view /*target*/, int /*version*/,
                         error_code& /*ec*/) override {}
    void on_response_impl(int status, beast::string_view reason, int version,
                          error_code& ec) override {
        if (status < 100 || status > 999) return refuse("status out of range", ec);
        head_.status = static_cast<unsigned>(status);
        head_.reason_phrase = view(reason);
        head_.minor_version = static_cast<unsigned>(version % 10);
    }

    ResponseHead& head_;
};

/// Literal texts for what is worth telling apart in the log.
std::string_view reason_of(error_code const& ec) {
    using beast::http::error;
    if (ec == error::bad_method) return "method is no token";
    if (ec == error::bad_target) return "no valid target";
    if (ec == error::bad_version) return "version other than HTTP/1.0 and 1.1";
    if (ec == error::bad_status) return "no valid status";
    if (ec == error::bad_reason) return "control byte in the reason phrase";
    if (ec == error::bad_field) return "field name is no token";
    if (ec == error::bad_value) return "field value not valid";
    if (ec == error::bad_line_ending) return "bare CR";
    if (ec == error::bad_content_length) return "Content-Length not valid";
    if (ec == error::multiple_content_length) return "Content-Lengths differ";
    if (ec == error::bad_transfer_encoding) return "Transfer-Encoding not valid";
    return "head not valid";
}

struct Kinds {
    core::FailureKind malformed;
    core::FailureKind too_large;
};

template <bool IsRequest>
core::Result<void> verdict(HeadParser<IsRequest> const& parser, error_code const& ec, Kinds kinds) {
    if (parser.too_many()) return core::Failure{kinds.too_large, parser.reason()};
    if (!parser.reason().empty()) return core::Failure{kinds.malformed, parser.reason()};
    if (ec) return core::Failure{kinds.malformed, reason_of(ec)};
    if (!parser.is_done()) return core::Failure{kinds.malformed, "head not complete"};
    return {};
}

}  // namespace

core::Result<void> parse_request_head(std::string_view bytes, HeadLimits const& limits,
                                      RequestHead& head) {
    head.clear();
    for (unsigned i = 0; i < HeadScanner::kMaxLeadingEmptyLines && bytes.starts_with("\r\n"); ++i)
        bytes.remove_prefix(2);

    RequestParser parser{bytes, limits.max_fields, head};
    error_code ec;
    parser.put({bytes.data(), bytes.size()}, ec);
    return verdict(parser, ec,
                   {core::FailureKind::request_malformed, core::FailureKind::head_too_large});
}

core::Result<void> parse_response_head(std::string_view bytes, HeadLimits const& limits,
                                       ResponseHead& head) {
    head.clear();
    ResponseParser parser{bytes, limits.max_fields, head};
    error_code ec;

    constexpr std::size_t kBareStatusLine = 12;  // "HTTP/1.1 200"
    if (bytes.substr(std::min(kBareStatusLine, bytes.size())).starts_with("\r\n")) {
        // Beast wants the blank: it is given the line with it, then the rest.
        std::array<char, kBareStatusLine + 3> line{};
        bytes.copy(line.data(), kBareStatusLine);
        line[kBareStatusLine] = ' ';
        line[kBareStatusLine + 1] = '\r';
        line[kBareStatusLine + 2] = '\n';
        parser.put({line.data(), line.size()}, ec);
        head.reason_phrase = {};  // else it would point into `line`
        if (ec == beast::http::error::need_more) ec = {};
        bytes.remove_prefix(kBareStatusLine + 2);
    }
    if (!ec) parser.put({bytes.data(), bytes.size()}, ec);
    return verdict(
        parser, ec,
        {core::FailureKind::response_malformed, core::FailureKind::response_head_too_large});
}

}  // namespace reverse_proxy::http
