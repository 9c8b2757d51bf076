#include "telemetry/line_writer.hpp"

#include <algorithm>
#include <charconv>

namespace reverse_proxy::telemetry {
namespace {

constexpr char kHex[] = "0123456789abcdef";

constexpr bool is_printable_ascii(unsigned char byte) {
    return byte >= 0x20 && byte < 0x7f;
}

/// Bytes that go into a JSON string as they are.
constexpr auto kPlainJson = [] {
    std::array<bool, 256> plain{};
    for (unsigned char byte = 0; byte < 0x80; ++byte)
        plain[byte] = is_printable_ascii(byte) && byte != '"' && byte != '\\';
    return plain;
}();

/// Bytes of a text value that needs no quotes.
constexpr auto kPlainText = [] {
    auto plain = kPlainJson;
    plain[' '] = plain['='] = false;
    return plain;
}();

bool is_plain_json(char byte) {
    return kPlainJson[static_cast<unsigned char>(byte)];
}

bool is_plain_text(char byte) {
    return kPlainText[static_cast<unsigned char>(byte)];
}

void append_unicode_escape(LineBuffer& out, unsigned code) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
        out += kHex[(code >> shift) & 15U];
}

void append_byte_escape(LineBuffer& out, unsigned char byte) {
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
}

/// Length of the well-formed UTF-8 sequence that `text` begins with (Unicode, table 3-7: no
/// overlong forms, no surrogates, nothing above U+10FFFF); 0 where it begins with none.
std::size_t utf8_sequence(std::string_view text) {
    auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    unsigned const first = byte(0);
    std::size_t const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    unsigned const least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned const most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(1) < least || byte(1) > most) return 0;
    for (std::size_t at = 2; at < length; ++at)
        if (byte(at) < 0x80 || byte(at) > 0xbf) return 0;
    return length;
}

/// Appends what `value`, whose first byte is not plain, begins with; returns the bytes taken.
std::size_t append_json_special(LineBuffer& out, std::string_view value) {
    auto const byte = static_cast<unsigned char>(value.front());
    if (byte == '"' || byte == '\\') {
        out += '\\';
        out += value.front();
        return 1;
    }
    if (byte < 0x80) {
        append_unicode_escape(out, byte);
        return 1;
    }
    std::size_t const length = utf8_sequence(value);
    if (length == 0) {
        append_unicode_escape(out, 0xfffd);
        return 1;
    }
    std::string_view const sequence = value.substr(0, length);
    if (byte == 0xc2 && static_cast<unsigned char>(value[1]) < 0xa0) {  // C1
        append_unicode_escape(out, static_cast<unsigned char>(value[1]));
    } else if (sequence == "\xe2\x80\xa8" || sequence == "\xe2\x80\xa9") {
        append_unicode_escape(out, sequence.back() == '\xa8' ? 0x2028 : 0x2029);
    } else {
        out += sequence;
    }
    return length;
}

}  // namespace

std::string_view Timestamp::text(WallClock::time_point now) {
    using namespace std::chrono;
    auto const second = floor<seconds>(now);
    auto const two = [this](std::size_t at, unsigned value) {
        text_[at] = static_cast<char>('0' + value / 10 % 10);
        text_[at + 1] = static_cast<char>('0' + value % 10);
    };
    if (second.time_since_epoch().count() != second_) {
        second_ = second.time_since_epoch().count();
        auto const day = floor<days>(second);
        year_month_day const date{day};
        hh_mm_ss const time{second - day};
        std::copy_n("0000-00-00T00:00:00.000Z", text_.size(), text_.begin());
        auto const year = static_cast<unsigned>(static_cast<int>(date.year()));
        two(0, year / 100);
        two(2, year % 100);
        two(5, static_cast<unsigned>(date.month()));
        two(8, static_cast<unsigned>(date.day()));
        two(11, static_cast<unsigned>(time.hours().count()));
        two(14, static_cast<unsigned>(time.minutes().count()));
        two(17, static_cast<unsigned>(time.seconds().count()));
    }
    auto const millisecond =
        static_cast<unsigned>(floor<std::chrono::milliseconds>(now - second).count());
    text_[20] = static_cast<char>('0' + millisecond / 100);
    two(21, millisecond % 100);
    return {text_.data(), text_.size()};
}

void append_json_escaped(LineBuffer& out, std::string_view value) {
    while (!value.empty()) {
        auto const* const special = std::find_if_not(value.begin(), value.end(), is_plain_json);
        auto const plain = static_cast<std::size_t>(special - value.begin());
        out += value.substr(0, plain);
        value.remove_prefix(plain);
        if (!value.empty()) value.remove_prefix(append_json_special(out, value));
    }
}

void append_text_value(LineBuffer& out, std::string_view value) {
    bool const plain = !value.empty() && std::all_of(value.begin(), value.end(), is_plain_text);
    if (plain) {
        out += value;
        return;
    }
    out += '"';
    for (char const c : value) {
        auto const byte = static_cast<unsigned char>(c);
        if (!is_printable_ascii(byte)) {
            append_byte_escape(out, byte);
            continue;
        }
        if (!is_plain_json(c)) out += '\\';
        out += c;
    }
    out += '"';
}

void append_text_message(LineBuffer& out, std::string_view message) {
    for (char const c : message) {
        auto const byte = static_cast<unsigned char>(c);
        if (is_printable_ascii(byte) && byte != '\\') {
            out += c;
        } else {
            append_byte_escape(out, byte);
        }
    }
}

std::string_view name_of(LogLevel level) {
    constexpr std::array<std::string_view, 5> kNames{"trace", "debug", "info", "warn", "error"};
    return kNames[static_cast<unsigned>(level)];
}

void LineWriter::begin(std::string_view timestamp, LogLevel level, std::string_view message) {
    if (!json_) {
        out_ += timestamp;
        out_ += ' ';
        out_ += name_of(level);
        out_ += ' ';
        append_text_message(out_, message);
        return;
    }
    out_ += R"({"ts":")";
    out_ += timestamp;
    out_ += '"';
    text("level", name_of(level));
    text("msg", message);
}

void LineWriter::key(std::string_view key) {
    if (json_) {
        out_ += ",\"";
        out_ += key;
        out_ += "\":";
    } else {
        out_ += ' ';
        out_ += key;
        out_ += '=';
    }
}

void LineWriter::text(std::string_view name, std::string_view value) {
    key(name);
    if (!json_) {
        append_text_value(out_, value);
        return;
    }
    out_ += '"';
    append_json_escaped(out_, value);
    out_ += '"';
}

void LineWriter::number(std::string_view name, std::uint64_t value) {
    key(name);
    std::array<char, 20> digits{};
    auto const result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out_ += std::string_view{digits.data(), result.ptr};
}

void LineWriter::milliseconds(std::string_view name, std::chrono::nanoseconds value) {
    auto const microseconds =
        static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0) + 500) / 1000;
    number(name, microseconds / 1000);
    auto const fraction = static_cast<unsigned>(microseconds % 1000);
    out_ += '.';
    for (unsigned const place : {100U, 10U, 1U})
        out_ += static_cast<char>('0' + fraction / place % 10);
}

void LineWriter::end() {
    if (json_) out_ += '}';
}

}  // namespace reverse_proxy::telemetry
