#pragma once

#include "reverse_proxy/http/head.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "tests/fuzz/strict_parser.hpp"
#include "tests/support/added_fields.hpp"

#include <string>
#include <string_view>

namespace reverse_proxy::fuzz {

/// What a head says when it is sent on: its lines that were not dropped, then the added ones.
inline StrictFields fields_sent(http::Fields const& fields) {
    StrictFields list;
    for (http::Field const& field : fields.parsed())
        if (!field.dropped) list.push_back({std::string{field.name}, std::string{field.value}});
    test_support::for_each_added(fields, [&](std::string_view name, std::string_view value) {
        list.push_back({std::string{name}, std::string{value}});
    });
    return list;
}

/// The scanner's word on bytes that arrive in the given cut.
struct Scanned {
    http::HeadScanner::Status status{http::HeadScanner::Status::incomplete};
    std::size_t size{0};
};

inline Scanned scan(http::HeadScanner::Part part, std::string_view bytes,
                    http::HeadLimits const& limits, Cuts cuts) {
    http::HeadScanner scanner{part};
    Scanned scanned;
    std::size_t there = 0;
    while (there < bytes.size() && scanned.status == http::HeadScanner::Status::incomplete) {
        there += cuts.next(bytes.size() - there);
        // Memory of its own each time, as the bytes of a connection move between two reads.
        std::string const received{bytes.substr(0, there)};
        scanned.status = scanner.scan(received, limits);
    }
    if (scanned.status == http::HeadScanner::Status::complete) scanned.size = scanner.size();
    return scanned;
}

/// Scans whole and cut; both must come to the same end.
inline Scanned scan_both(http::HeadScanner::Part part, std::string_view bytes,
                         http::HeadLimits const& limits, std::uint8_t how) {
    Scanned const whole = scan(part, bytes, limits, Cuts{0});
    Scanned const cut = scan(part, bytes, limits, Cuts{how});
    bool const settled = whole.status != http::HeadScanner::Status::incomplete;
    require(whole.size == cut.size, "the scanner's size depends on the cut", bytes);
    require(!settled || whole.status == cut.status, "the scanner's verdict depends on the cut",
            bytes);
    return whole;
}

/// The parser takes whole heads at once, the scanner pieces: they must agree on where a head ends,
/// and what the scanner refuses the parser does not accept.
inline void check_size(core::Result<std::size_t> const& parsed, Scanned const& scanned,
                       std::string_view bytes) {
    if (!parsed) return;
    bool const complete = scanned.status == http::HeadScanner::Status::complete;
    require(*parsed == 0 || (complete && scanned.size == *parsed),
            "the parser accepts what the scanner does not, or another size", bytes);
    require(*parsed != 0 || !complete, "the parser waits for more of a complete head", bytes);
}

/// The same head in pieces, as a connection reads it, ends where it ends when it comes whole; and
/// what is refused in one cut is accepted in none.
template <typename Head>
void check_pieces(core::Result<std::size_t> const& parsed, http::HeadScanner::Part part,
                  std::string_view bytes, http::HeadLimits const& limits, Cuts cuts) {
    http::HeadScanner scanner{part};
    Head head;
    core::Result<std::size_t> read{0};
    for (std::size_t there = 0; there < bytes.size() && read && *read == 0;) {
        there += cuts.next(bytes.size() - there);
        std::string const received{bytes.substr(0, there)};
        read = http::read_head(received, limits, scanner, head);
    }
    std::size_t const whole = parsed ? *parsed : 0;
    require((read ? *read : 0) == whole, "what is accepted depends on the cut", bytes);
}

/// Refused although a strict reader accepts it: for one of the few reasons that there are.
inline bool may_be_refused(core::Failure const& failure) {
    return failure.kind == core::FailureKind::head_too_large ||
           failure.kind == core::FailureKind::target_too_long ||
           failure.kind == core::FailureKind::response_head_too_large ||
           failure.reason == "connection option is no token" ||
           failure.reason == "too many empty lines before the request line" ||
           failure.reason == "Host differs from the target's authority";
}

}  // namespace reverse_proxy::fuzz
