// Chunked content: decoded alike in every cut, and as a strict reader decodes it, trailers
// included; what is then framed anew says the same again.
//
// Input: one byte for the cut, then chunked content and whatever follows it.
#include "reverse_proxy/http/chunked.hpp"
#include "reverse_proxy/http/encode.hpp"
#include "tests/fuzz/heads.hpp"

#include <array>

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;
using Status = http::ChunkDecoder::Status;

constexpr http::HeadLimits kTrailerLimits{4096, 32};

struct Decoded {
    Status status{Status::need_more};
    std::string content;
    std::size_t consumed{0};
    std::string_view reason;
};

Decoded decode(std::string_view bytes, Cuts cuts) {
    http::ChunkDecoder decoder;
    Decoded decoded;
    while (decoded.consumed < bytes.size()) {
        std::string const piece{
            bytes.substr(decoded.consumed, cuts.next(bytes.size() - decoded.consumed))};
        std::string_view rest = piece;
        while (!rest.empty()) {
            auto const step = decoder.decode(rest);
            require(step.consumed <= rest.size(), "more consumed than there is", bytes);
            require((step.status == Status::content) == !step.content.empty(),
                    "content without bytes or bytes without content", bytes);
            decoded.status = step.status;
            decoded.consumed += step.consumed;
            decoded.content += step.content;
            rest.remove_prefix(step.consumed);
            if (step.status == Status::failed) decoded.reason = decoder.reason();
            if (step.status == Status::failed || step.status == Status::trailers) return decoded;
            require(step.consumed > 0, "no progress", bytes);
        }
    }
    if (decoded.status == Status::content) decoded.status = Status::need_more;
    return decoded;
}

/// The trailers, read to their end; `section` begins behind the last chunk.
void check_trailers(std::string_view section, std::uint8_t how, StrictMessage const& strict,
                    std::string_view bytes) {
    auto const part = http::HeadScanner::Part::trailers;
    Scanned const scanned = scan_both(part, section, kTrailerLimits, how);
    if (scanned.status != http::HeadScanner::Status::complete) {
        // The strict reader looks at a line before it has ended.
        require(scanned.status == http::HeadScanner::Status::failed ||
                    strict.verdict != Verdict::complete,
                "the trailers end for a strict reader alone", bytes);
        return;
    }
    http::Fields fields;
    std::string_view const text = section.substr(0, scanned.size);
    if (!http::parse_trailers(text, kTrailerLimits, fields)) {
        bool const says_a_length = !values_of(strict.trailers, "Content-Length").empty() ||
                                   !values_of(strict.trailers, "Transfer-Encoding").empty();
        require(strict.verdict == Verdict::malformed || says_a_length,
                "refused trailers that are sound", bytes);
        return;
    }
    require(strict.verdict == Verdict::complete, "a strict reader refuses accepted trailers",
            bytes);
    require(fields.parsed().size() == strict.trailers.size(), "another number of trailers", bytes);
    for (std::size_t i = 0; i < strict.trailers.size(); ++i)
        require(fields.parsed()[i].name == strict.trailers[i].name &&
                    fields.parsed()[i].value == strict.trailers[i].value,
                "trailers read differently", bytes);
    for (std::string_view const name :
         {"Content-Length", "Transfer-Encoding", "Host", "Connection", "X-Forwarded-For",
          "Forwarded", "Trailer", "Authorization", "Set-Cookie"})
        require(values_of(fields_sent(fields), name).empty(), "a trailer that may be none", bytes);
}

/// Frames the content anew, as the connection does.
void check_sent(std::string_view content, Cuts cuts, std::string_view bytes) {
    std::string text;
    for (std::string_view rest = content; !rest.empty();) {
        std::string_view const piece = rest.substr(0, cuts.next(rest.size()));
        rest.remove_prefix(piece.size());
        std::array<char, 18> size{};
        text.append(size.data(), http::write_chunk_size(size.data(), piece.size()));
        text.append(piece).append("\r\n");
    }
    text += "0\r\n\r\n";
    StrictMessage const sent = read_strict_chunked(text);
    require(sent.verdict == Verdict::complete && sent.size == text.size() &&
                sent.content == content,
            "content framed anew is read differently", bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Input input{data, size};
    std::uint8_t const how = input.byte();
    std::string_view const bytes = input.rest();
    Decoded const whole = decode(bytes, Cuts{0});
    Decoded const cut = decode(bytes, Cuts{how});
    require(whole.status == cut.status && whole.content == cut.content,
            "what is decoded depends on the cut", bytes);
    require(whole.status == Status::failed || whole.consumed == cut.consumed,
            "the end of the content depends on the cut", bytes);

    StrictMessage const strict = read_strict_chunked(bytes);
    if (whole.reason == "chunk extensions over the limit") return 0;
    require(whole.content == strict.content, "content decoded differently", bytes);
    if (whole.status == Status::failed) {
        require(strict.verdict == Verdict::malformed, "refused sound content", bytes);
        return 0;
    }
    if (whole.status == Status::need_more) {
        require(strict.verdict == Verdict::incomplete, "content ends for a strict reader alone",
                bytes);
        return 0;
    }
    check_trailers(bytes.substr(whole.consumed), how, strict, bytes);
    check_sent(whole.content, Cuts{how}, bytes);
    return 0;
}
