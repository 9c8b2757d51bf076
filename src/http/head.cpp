#include "reverse_proxy/http/head.hpp"

#include "http/field_line.hpp"
#include "reverse_proxy/http/characters.hpp"
#include "reverse_proxy/http/list.hpp"

#include <cstring>

namespace reverse_proxy::http {
namespace {

using core::Failure;
using core::Result;

/// What the two directions call their failures.
struct Kinds {
    core::FailureKind malformed;
    core::FailureKind start_line_too_long;
    core::FailureKind too_large;
};

constexpr Kinds kRequest{core::FailureKind::request_malformed, core::FailureKind::target_too_long,
                         core::FailureKind::head_too_large};
constexpr Kinds kResponse{core::FailureKind::response_malformed,
                          core::FailureKind::response_head_too_large,
                          core::FailureKind::response_head_too_large};
constexpr std::size_t kIncomplete = 0;

bool parse_version(std::string_view text, unsigned& minor_version) {
    constexpr std::string_view kName = "HTTP/1.";
    if (text.size() != kName.size() + 1 ||
        std::memcmp(text.data(), kName.data(), kName.size()) != 0)
        return false;
    if (text.back() != '0' && text.back() != '1') return false;
    minor_version = text.back() == '1' ? 1 : 0;
    return true;
}

/// `method SP target SP version`. @return why it is malformed, or ""
std::string_view parse_request_line(std::string_view line, RequestHead& head) {
    std::size_t const method_end = line.find(' ');
    if (method_end == std::string_view::npos) return "request line without blanks";
    head.method = line.substr(0, method_end);
    if (!is_token(head.method)) return "method is no token";
    line.remove_prefix(method_end + 1);
    std::size_t const target_end = line.find(' ');
    if (target_end == 0 || target_end == std::string_view::npos) return "no valid target";
    head.target = line.substr(0, target_end);
    if (head.target.find('\t') != std::string_view::npos) return "no valid target";
    if (!parse_version(line.substr(target_end + 1), head.minor_version))
        return "version other than HTTP/1.0 and 1.1";
    return {};
}

/// `version SP status [SP reason]`. @return why it is malformed, or ""
std::string_view parse_status_line(std::string_view line, ResponseHead& head) {
    constexpr std::size_t kVersionSize = 8;
    constexpr std::size_t kStatusEnd = kVersionSize + 4;
    if (line.size() < kStatusEnd || line[kVersionSize] != ' ') return "no valid status line";
    if (!parse_version(line.substr(0, kVersionSize), head.minor_version))
        return "version other than HTTP/1.0 and 1.1";
    for (char const c : line.substr(kVersionSize + 1, 3)) {
        if (!is_digit(c)) return "no valid status";
        head.status = head.status * 10 + static_cast<unsigned>(c - '0');
    }
    if (head.status < 100) return "status out of range";
    if (line.size() == kStatusEnd) return {};
    if (line[kStatusEnd] != ' ') return "no valid status";
    head.reason_phrase = line.substr(kStatusEnd + 1);
    return {};
}

/// A line of Connection, or of Proxy-Connection, which means nothing but must be as sound: a list
/// of tokens. Its options are counted, with the empty ones.
bool note_options(Field const& field, Fields& fields, std::size_t& count) {
    bool valid = true;
    count += for_each_element(field.value, [&](std::string_view option) {
        valid = valid && is_token(option);
        if (field.id == FieldId::connection) fields.note(connection_option(option));
    });
    return valid;
}

/// All field lines and the empty line. @return the head's size with them
Result<std::size_t> parse_fields(LineReader& lines, HeadLimits const& limits, Kinds const& kinds,
                                 Fields& fields) {
    std::size_t options = 0;
    while (!lines.take_empty_line()) {
        Field field;
        switch (lines.take_field_line(field)) {
        case LineReader::Status::line:
            break;
        case LineReader::Status::incomplete:
            return kIncomplete;
        case LineReader::Status::malformed:
            return Failure{kinds.malformed, lines.reason()};
        }
        if (fields.parsed().size() == limits.max_fields || lines.taken() > limits.max_bytes)
            return Failure{kinds.too_large, "fields over the limit"};
        if (field.id == FieldId::connection || field.id == FieldId::proxy_connection) {
            if (!note_options(field, fields, options))
                return Failure{kinds.malformed, "connection option is no token"};
            // Each option is looked for among all fields: more of them than a head may have fields
            // are of no use but to make that slow.
            if (options > limits.max_fields)
                return Failure{kinds.too_large, "too many connection options"};
        }
        fields.append(field);
    }
    if (lines.taken() > limits.max_bytes) return Failure{kinds.too_large, "fields over the limit"};
    return lines.taken();
}

template <typename Head, typename ParseStartLine>
Result<std::size_t> parse(LineReader& lines, HeadLimits const& limits, Kinds const& kinds,
                          Head& head, ParseStartLine parse_start_line) {
    std::string_view start_line;
    switch (lines.take_start_line(start_line)) {
    case LineReader::Status::line:
        break;
    case LineReader::Status::incomplete:
        return kIncomplete;
    case LineReader::Status::malformed:
        return Failure{kinds.malformed, lines.reason()};
    }
    if (lines.taken() > limits.max_bytes)
        return Failure{kinds.start_line_too_long, "start line over the limit"};
    if (std::string_view const reason = parse_start_line(start_line, head); !reason.empty())
        return Failure{kinds.malformed, reason};
    return parse_fields(lines, limits, kinds, head.fields);
}

/// What came whole is parsed at once; what comes in pieces is measured first, so that no byte is
/// looked at more than twice.
template <typename Head, typename Parse>
Result<std::size_t> read(std::string_view bytes, HeadLimits const& limits, HeadScanner& scanner,
                         Head& head, Parse parse_head) {
    if (!scanner.started()) {
        auto const size = parse_head(bytes, limits, head);
        if (!size || *size != kIncomplete) return size;
    }
    switch (scanner.scan(bytes, limits)) {
    case HeadScanner::Status::complete:
        return parse_head(bytes, limits, head);
    case HeadScanner::Status::failed:
        head.clear();
        return scanner.failure();
    case HeadScanner::Status::incomplete:
        break;
    }
    return kIncomplete;
}

}  // namespace

Result<std::size_t> parse_request_head(std::string_view bytes, HeadLimits const& limits,
                                       RequestHead& head) {
    head.clear();
    LineReader lines{bytes};
    for (unsigned empty = 0; lines.take_empty_line();) {
        if (++empty > HeadScanner::kMaxLeadingEmptyLines)
            return Failure{kRequest.malformed, "too many empty lines before the request line"};
    }
    return parse(lines, limits, kRequest, head, parse_request_line);
}

Result<std::size_t> parse_response_head(std::string_view bytes, HeadLimits const& limits,
                                        ResponseHead& head) {
    head.clear();
    LineReader lines{bytes};
    return parse(lines, limits, kResponse, head, parse_status_line);
}

Result<std::size_t> read_head(std::string_view bytes, HeadLimits const& limits,
                              HeadScanner& scanner, RequestHead& head) {
    return read(bytes, limits, scanner, head, parse_request_head);
}

Result<std::size_t> read_head(std::string_view bytes, HeadLimits const& limits,
                              HeadScanner& scanner, ResponseHead& head) {
    return read(bytes, limits, scanner, head, parse_response_head);
}

}  // namespace reverse_proxy::http
