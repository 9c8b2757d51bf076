#include "tests/fuzz/strict_parser.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <optional>
#include <stdexcept>

namespace reverse_proxy::fuzz {
namespace {

struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct Short {};  // the bytes end before the message does

unsigned byte_of(char c) {
    return static_cast<unsigned char>(c);
}
bool is_decimal(char c) {
    return byte_of(c) - '0' < 10;
}
bool is_letter(char c) {
    return (byte_of(c) | 0x20U) - 'a' < 26;
}
bool is_hex(char c) {
    return is_decimal(c) || (byte_of(c) | 0x20U) - 'a' < 6;
}
/// RFC 9110, 5.6.2.
bool is_tchar(char c) {
    return is_decimal(c) || is_letter(c) ||
           (c != '\0' && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos);
}
/// HTAB, SP, VCHAR, obs-text.
bool is_text(char c) {
    return c == '\t' || (byte_of(c) >= ' ' && byte_of(c) != 0x7F);
}
bool is_ows(char c) {
    return c == ' ' || c == '\t';
}
bool all(std::string_view text, bool (*holds)(char)) {
    return std::all_of(text.begin(), text.end(), holds);
}
std::string lowered(std::string_view text) {
    std::string lower{text};
    for (char& c : lower)
        if (is_letter(c)) c = static_cast<char>(byte_of(c) | 0x20U);
    return lower;
}
std::string_view without_ows(std::string_view text) {
    std::size_t from = 0;
    std::size_t to = text.size();
    while (from < to && is_ows(text[from]))
        ++from;
    while (to > from && is_ows(text[to - 1]))
        --to;
    return text.substr(from, to - from);
}

/// Walks through the bytes of one message; throws Broken, or Short at their end.
class Cursor {
public:
    explicit Cursor(std::string_view bytes) : bytes_{bytes} {}

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] std::string_view rest() const { return bytes_.substr(at_); }
    [[nodiscard]] char peek() const {
        if (at_ == bytes_.size()) throw Short{};
        return bytes_[at_];
    }
    char next() {
        char const c = peek();
        ++at_;
        return c;
    }
    void expect(char wanted, char const* otherwise) {
        if (next() != wanted) throw Broken{otherwise};
    }
    void line_end(char const* otherwise) {
        expect('\r', otherwise);
        expect('\n', otherwise);
    }
    std::string while_all(bool (*holds)(char)) {
        std::string taken;
        while (holds(peek()))
            taken += next();
        return taken;
    }
    std::string token(char const* otherwise) {
        std::string name = while_all(is_tchar);
        if (name.empty()) throw Broken{otherwise};
        return name;
    }
    std::string_view take(std::size_t most) {
        std::string_view const piece = bytes_.substr(at_, most);
        at_ += piece.size();
        return piece;
    }

private:
    std::string_view bytes_;
    std::size_t at_{0};
};

/// field-line *( CRLF field-line ) CRLF CRLF
StrictFields read_fields(Cursor& cursor) {
    StrictFields fields;
    while (cursor.peek() != '\r') {
        std::string const name = cursor.token("field name is no token");
        cursor.expect(':', "byte in a field name");
        std::string const value = cursor.while_all(is_text);
        cursor.line_end("byte in a field value");
        fields.push_back({name, std::string{without_ows(value)}});
    }
    cursor.line_end("CR without LF");
    return fields;
}

unsigned read_version(Cursor& cursor) {
    for (char const c : std::string_view{"HTTP/1."})
        cursor.expect(c, "no HTTP/1 version");
    char const minor = cursor.next();
    if (minor != '0' && minor != '1') throw Broken{"version other than 1.0 and 1.1"};
    return byte_of(minor) - '0';
}

/// RFC 9112, 6.3 with nothing forgiven; nothing where no field says anything.
std::optional<std::uint64_t> content_length(StrictFields const& fields) {
    auto const lengths = values_of(fields, "content-length");
    if (lengths.empty()) return std::nullopt;
    if (lengths.size() > 1) throw Broken{"two Content-Lengths"};
    std::string const& text = lengths.front();
    if (text.empty() || text.size() > 19 || !all(text, is_decimal))
        throw Broken{"Content-Length not valid"};
    if (text.size() > 1 && text.front() == '0') throw Broken{"Content-Length with a leading zero"};
    std::uint64_t const length = std::stoull(text);  // 19 digits fit
    if (length >> 63 != 0) throw Broken{"Content-Length overflows"};
    return length;
}

void read_framing_fields(StrictMessage& message) {
    auto const length = content_length(message.fields);
    auto const codings = values_of(message.fields, "transfer-encoding");
    if (!codings.empty()) {
        if (length) throw Broken{"both Content-Length and Transfer-Encoding"};
        if (message.minor_version == 0) throw Broken{"Transfer-Encoding in HTTP/1.0"};
        if (codings.size() != 1 || lowered(codings.front()) != "chunked")
            throw Broken{"Transfer-Encoding other than chunked"};
        message.length = Length::chunked;
    } else if (length) {
        message.length = Length::counted;
        message.counted = *length;
    }
}

void check_request(StrictMessage& request) {
    if (!strict_target(request.method, request.target)) throw Broken{"target not valid"};
    auto const hosts = values_of(request.fields, "host");
    if (hosts.size() > 1) throw Broken{"two Hosts"};
    if (hosts.empty() && request.minor_version == 1) throw Broken{"no Host"};
    if (!hosts.empty() && !strict_authority(hosts.front())) throw Broken{"Host not valid"};

    read_framing_fields(request);
    bool const has_content = request.length == Length::chunked || request.counted > 0;
    if (!has_content) return;
    if (request.method == "TRACE") throw Broken{"content with TRACE"};
    if (request.minor_version == 0 &&
        (request.method == "GET" || request.method == "HEAD" || request.method == "DELETE"))
        throw Broken{"content that HTTP/1.0 does not have"};
}

void check_response(StrictMessage& response, bool to_head) {
    read_framing_fields(response);
    bool const never = response.status < 200 || response.status == 204;
    if (never && response.length == Length::chunked)
        throw Broken{"Transfer-Encoding with 1xx or 204"};
    if (never || to_head || response.status == 304) {
        response.length = Length::none;
        response.counted = 0;
    } else if (response.length == Length::none) {
        response.length = Length::until_close;
    }
}

/// chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
void read_extensions(Cursor& cursor) {
    while (cursor.peek() != '\r') {
        cursor.while_all(is_ows);
        cursor.expect(';', "byte after a chunk size");
        cursor.while_all(is_ows);
        cursor.token("extension name is no token");
        if (is_ows(cursor.peek())) {
            cursor.while_all(is_ows);
            if (cursor.peek() == ';') continue;
            if (cursor.peek() != '=') throw Broken{"blank at the end of an extension"};
        }
        if (cursor.peek() != '=') continue;
        cursor.next();
        cursor.while_all(is_ows);
        if (cursor.peek() != '"') {
            cursor.token("extension value is no token");
            continue;
        }
        cursor.next();
        for (char c = cursor.next(); c != '"'; c = cursor.next()) {
            if (c == '\\') c = cursor.next();
            if (!is_text(c)) throw Broken{"control byte in a quoted extension value"};
        }
    }
}

std::uint64_t read_chunk_size(Cursor& cursor) {
    std::uint64_t size = 0;
    unsigned digits = 0;
    for (; is_hex(cursor.peek()); ++digits) {
        unsigned const c = byte_of(cursor.next()) | 0x20U;
        if (digits == 16 || size >> 59 != 0) throw Broken{"chunk size overflows"};
        size = size << 4 | (c >= 'a' ? c - 'a' + 10 : c - '0');
    }
    if (digits == 0) throw Broken{"no chunk size"};
    return size;
}

void read_chunks(Cursor& cursor, StrictMessage& message) {
    for (;;) {
        std::uint64_t const size = read_chunk_size(cursor);
        read_extensions(cursor);
        cursor.line_end("byte after a chunk size");
        if (size == 0) break;
        std::string_view const piece = cursor.take(size);
        message.content += piece;
        if (piece.size() < size) throw Short{};
        cursor.line_end("chunk longer than its size");
    }
    message.trailers = read_fields(cursor);
}

void read_content(Cursor& cursor, StrictMessage& message, bool closed) {
    switch (message.length) {
    case Length::none:
        return;
    case Length::counted:
        message.content = cursor.take(message.counted);
        if (message.content.size() < message.counted) throw Short{};
        return;
    case Length::chunked:
        return read_chunks(cursor, message);
    case Length::until_close:
        message.content = cursor.take(std::string_view::npos);
        if (!closed) throw Short{};
    }
}

/// Runs a reader over one message and turns what it throws into the verdict.
template <typename Read> StrictMessage judge(std::string_view bytes, Read read) {
    StrictMessage message;
    Cursor cursor{bytes};
    try {
        read(cursor, message);
        message.verdict = Verdict::complete;
        message.size = cursor.at();
    } catch (Broken const& broken) {
        message.verdict = Verdict::malformed;
        message.why = broken.what();
    } catch (Short const&) {
        message.verdict = Verdict::incomplete;
    }
    return message;
}

/// pct-encoded = "%" HEXDIG HEXDIG
bool is_well_escaped(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] == '%' &&
            (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])))
            return false;
    return true;
}

bool is_reg_name(std::string_view host) {
    return !host.empty() && is_well_escaped(host) && all(host, [](char c) {
        return is_decimal(c) || is_letter(c) ||
               (c != '\0' && std::string_view{"-._~%"}.find(c) != std::string_view::npos);
    });
}

bool is_ip(int family, std::string_view text) {
    std::array<char, 64> copy{};
    if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return false;
    text.copy(copy.data(), text.size());
    std::array<unsigned char, 16> address{};
    return ::inet_pton(family, copy.data(), address.data()) == 1;
}

bool is_port(std::string_view text) {
    return !text.empty() && text.size() <= 5 && all(text, is_decimal) &&
           std::stoul(std::string{text}) <= 65'535;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
    return lowered(a) == lowered(b);
}

std::vector<std::string> values_of(StrictFields const& fields, std::string_view name) {
    std::vector<std::string> values;
    for (StrictField const& field : fields)
        if (same_name(field.name, name)) values.push_back(field.value);
    return values;
}

std::vector<std::string> elements_of(StrictFields const& fields, std::string_view name) {
    std::vector<std::string> elements;
    for (std::string const& value : values_of(fields, name)) {
        std::string_view rest = value;
        for (;;) {
            std::size_t const comma = std::min(rest.find(','), rest.size());
            std::string_view const element = without_ows(rest.substr(0, comma));
            if (!element.empty()) elements.push_back(lowered(element));
            if (comma == rest.size()) break;
            rest = rest.substr(comma + 1);
        }
    }
    return elements;
}

bool lists(StrictFields const& fields, std::string_view name, std::string_view element) {
    auto const elements = elements_of(fields, name);
    return std::find(elements.begin(), elements.end(), element) != elements.end();
}

bool keeps_connection(StrictFields const& fields, unsigned minor_version) {
    if (lists(fields, "connection", "close")) return false;
    return minor_version == 1 || lists(fields, "connection", "keep-alive");
}

StrictMessage read_strict_request(std::string_view bytes) {
    return judge(bytes, [](Cursor& cursor, StrictMessage& request) {
        while (cursor.peek() == '\r') {  // RFC 9112, 2.2
            cursor.next();
            cursor.expect('\n', "bare CR before a request");
        }
        request.method = cursor.token("no method");
        cursor.expect(' ', "byte in the method");
        request.target = cursor.while_all([](char c) { return c > ' ' && c < 0x7F; });
        cursor.expect(' ', "byte in the target");
        request.minor_version = read_version(cursor);
        cursor.line_end("byte after the version");
        request.fields = read_fields(cursor);
        check_request(request);
        request.head_valid = true;
        request.head_size = cursor.at();
        read_content(cursor, request, false);
    });
}

StrictMessage read_strict_response(std::string_view bytes, bool to_head, bool closed) {
    return judge(bytes, [=](Cursor& cursor, StrictMessage& response) {
        response.minor_version = read_version(cursor);
        cursor.expect(' ', "no blank after the version");
        for (int digit = 0; digit < 3; ++digit) {
            if (!is_decimal(cursor.peek())) throw Broken{"status is no number of three digits"};
            response.status = response.status * 10 + byte_of(cursor.next()) - '0';
        }
        if (response.status < 100) throw Broken{"status below 100"};
        // The blank before an empty reason is left out by origins in use, and not missed.
        if (cursor.peek() != '\r') {
            cursor.expect(' ', "byte after the status");
            response.reason = cursor.while_all(is_text);
        }
        cursor.line_end("byte in the reason");
        response.fields = read_fields(cursor);
        check_response(response, to_head);
        response.head_valid = true;
        response.head_size = cursor.at();
        read_content(cursor, response, closed);
    });
}

StrictMessage read_strict_chunked(std::string_view bytes) {
    return judge(bytes, [](Cursor& cursor, StrictMessage& message) {
        message.length = Length::chunked;
        read_chunks(cursor, message);
    });
}

bool strict_address(std::string_view text) {
    return is_ip(AF_INET, text) || is_ip(AF_INET6, text);
}

bool strict_authority(std::string_view text) {
    if (text.starts_with('[')) {
        std::size_t const end = text.find(']');
        if (end == std::string_view::npos || !is_ip(AF_INET6, text.substr(1, end - 1)))
            return false;
        std::string_view const rest = text.substr(end + 1);
        return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
    }
    std::size_t const colon = text.find(':');
    if (!is_reg_name(text.substr(0, colon))) return false;
    return colon == std::string_view::npos || is_port(text.substr(colon + 1));
}

bool strict_target(std::string_view method, std::string_view target) {
    if (method == "CONNECT" || target.empty()) return false;
    if (!all(target, [](char c) { return c > ' ' && c < 0x7F && c != '#'; })) return false;
    std::string_view const before_query = target.substr(0, target.find('?'));
    if (target.front() == '/') return is_well_escaped(before_query);
    if (target == "*") return method == "OPTIONS";
    std::size_t const scheme = target.find("://");
    if (scheme == std::string_view::npos) return false;
    std::string const name = lowered(target.substr(0, scheme));
    if (name != "http" && name != "https") return false;
    std::string_view const rest =
        before_query.size() > scheme + 3 ? before_query.substr(scheme + 3) : std::string_view{};
    std::size_t const path = std::min(rest.find('/'), rest.size());
    return strict_authority(rest.substr(0, path)) && is_well_escaped(rest.substr(path));
}

}  // namespace reverse_proxy::fuzz
