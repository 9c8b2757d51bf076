#include "tests/support/message_reader.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <thread>

namespace reverse_proxy::test_support {
namespace {

constexpr std::size_t kReadBytes = 65'536;
constexpr std::size_t kSlowReadBytes = 4096;
constexpr std::chrono::milliseconds kSlowPause{20};

char lower(char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool is_token_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

std::pair<std::string, std::string> parse_field(std::string_view line) {
    auto const colon = line.find(':');
    auto const name = line.substr(0, colon);
    if (colon == std::string_view::npos || name.empty() ||
        !std::all_of(name.begin(), name.end(), is_token_char)) {
        throw Malformed{"field line: " + std::string{line}};
    }
    auto value = line.substr(colon + 1);
    for (char const c : value) {
        auto const byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) throw Malformed{"control byte in value"};
    }
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
        value.remove_prefix(1);
    }
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t'))
        value.remove_suffix(1);
    return {std::string{name}, std::string{value}};
}

/// Lines without their CRLF; a CR or LF on its own is refused.
std::vector<std::string_view> lines_of(std::string_view section) {
    std::vector<std::string_view> lines;
    while (!section.empty()) {
        auto const end = section.find("\r\n");
        auto const line = section.substr(0, end);
        if (line.find_first_of("\r\n") != std::string_view::npos) throw Malformed{"bare CR or LF"};
        lines.push_back(line);
        section.remove_prefix(end == std::string_view::npos ? section.size() : end + 2);
    }
    return lines;
}

std::uint64_t parse_number(std::string_view text, int base) {
    std::uint64_t number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
        throw Malformed{"number: " + std::string{text}};
    }
    return number;
}

MessageFraming framing_of_fields(FieldList const& fields, MessageFraming::Kind otherwise) {
    auto const lengths = count_of(fields, "Content-Length");
    auto const codings = count_of(fields, "Transfer-Encoding");
    if (lengths + codings > 1) throw Malformed{"more than one field says the length"};
    if (codings == 1) {
        if (!same_name(joined(fields, "Transfer-Encoding"), "chunked")) {
            throw Malformed{"transfer coding other than chunked"};
        }
        return {MessageFraming::Kind::chunked, 0};
    }
    if (lengths == 1) {
        return {MessageFraming::Kind::length, parse_number(joined(fields, "Content-Length"), 10)};
    }
    return {otherwise, 0};
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::size_t count_of(FieldList const& fields, std::string_view name) {
    return static_cast<std::size_t>(std::count_if(
        fields.begin(), fields.end(), [&](auto const& f) { return same_name(f.first, name); }));
}

std::string joined(FieldList const& fields, std::string_view name) {
    std::string out;
    bool first = true;
    for (auto const& [field, value] : fields) {
        if (!same_name(field, name)) continue;
        if (!first) out += ", ";
        first = false;
        out += value;
    }
    return out;
}

MessageFraming strict_request_framing(FieldList const& fields) {
    return framing_of_fields(fields, MessageFraming::Kind::none);
}

MessageFraming strict_response_framing(FieldList const& fields, unsigned status,
                                       bool request_was_head) {
    bool const interim_or_204 = status < 200 || status == 204;
    if (interim_or_204 &&
        count_of(fields, "Content-Length") + count_of(fields, "Transfer-Encoding") > 0) {
        throw Malformed{"a length where there is no content (RFC 9110, 8.6; RFC 9112, 6.1)"};
    }
    auto const framing = framing_of_fields(fields, MessageFraming::Kind::until_close);
    if (interim_or_204 || status == 304 || request_was_head) return {};
    return framing;
}

bool MessageReader::fill(Deadline deadline) {
    bool const slow = slow_reads_ > 0;
    if (slow) {
        --slow_reads_;
        std::this_thread::sleep_for(kSlowPause);  // the pace that was asked for
    }
    std::size_t const most = slow ? kSlowReadBytes : kReadBytes;
    auto const before = buffer_.size();
    buffer_.resize(before + most);
    std::size_t received = 0;
    try {
        received = socket_.receive(buffer_.data() + before, most, deadline);
    } catch (...) {
        buffer_.resize(before);
        throw;
    }
    buffer_.resize(before + received);
    return received > 0;
}

std::string MessageReader::read_some(Deadline deadline) {
    if (buffer_.empty()) fill(deadline);
    return take(buffer_.size());
}

std::string MessageReader::take(std::size_t size) {
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
}

std::string MessageReader::read_exactly(std::size_t size, Deadline deadline) {
    while (buffer_.size() < size) {
        if (!fill(deadline)) throw PeerClosed{"stream ended early"};
    }
    return take(size);
}

std::string MessageReader::read_until(std::string_view end, Deadline deadline) {
    std::size_t found = 0;
    while ((found = buffer_.find(end)) == std::string::npos) {
        if (!fill(deadline)) throw PeerClosed{"stream ended early"};
    }
    return take(found + end.size());
}

std::string MessageReader::read_to_end(Deadline deadline) {
    while (fill(deadline)) {
    }
    return take(buffer_.size());
}

std::optional<MessageHead> MessageReader::read_head(Deadline deadline) {
    if (buffer_.empty() && !fill(deadline)) return std::nullopt;
    MessageHead head;
    head.raw = read_until("\r\n\r\n", deadline);
    auto const lines = lines_of(std::string_view{head.raw}.substr(0, head.raw.size() - 4));
    head.start_line = lines.front();
    for (std::size_t i = 1; i < lines.size(); ++i)
        head.fields.push_back(parse_field(lines[i]));
    return head;
}

std::string MessageReader::read_line() {
    auto line = read_until("\r\n");
    line.resize(line.size() - 2);
    if (line.find_first_of("\r\n") != std::string::npos) throw Malformed{"bare CR or LF"};
    return line;
}

void MessageReader::pass(std::uint64_t size, Sink const& sink) {
    while (size > 0) {
        if (buffer_.empty() && !fill(within())) throw PeerClosed{"closed in the content"};
        auto const piece = std::min<std::uint64_t>(size, buffer_.size());
        sink(std::string_view{buffer_}.substr(0, piece));
        buffer_.erase(0, piece);
        size -= piece;
    }
}

FieldList MessageReader::read_chunked(Sink const& sink) {
    for (;;) {
        auto const size_line = read_line();
        if (size_line.size() > 16) throw Malformed{"chunk size: " + size_line};
        auto const size = parse_number(size_line, 16);
        if (size == 0) break;
        pass(size, sink);
        if (read_exactly(2) != "\r\n") throw Malformed{"no CRLF after a chunk"};
    }
    FieldList trailers;
    for (auto line = read_line(); !line.empty(); line = read_line()) {
        trailers.push_back(parse_field(line));
    }
    return trailers;
}

FieldList MessageReader::read_content(MessageFraming const& framing, Sink const& sink) {
    switch (framing.kind) {
    case MessageFraming::Kind::none:
        return {};
    case MessageFraming::Kind::length:
        pass(framing.length, sink);
        return {};
    case MessageFraming::Kind::chunked:
        return read_chunked(sink);
    case MessageFraming::Kind::until_close:
        do {
            if (!buffer_.empty()) sink(buffer_);
            buffer_.clear();
        } while (fill(within()));
        return {};
    }
    return {};
}

}  // namespace reverse_proxy::test_support
