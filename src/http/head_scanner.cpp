#include "reverse_proxy/http/head.hpp"

#include <cstring>

namespace reverse_proxy::http {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

std::size_t find(std::string_view bytes, char wanted, std::size_t from, std::size_t end) {
    if (from == end) return kNowhere;
    void const* const found = std::memchr(bytes.data() + from, wanted, end - from);
    if (found == nullptr) return kNowhere;
    return static_cast<std::size_t>(static_cast<char const*>(found) - bytes.data());
}

}  // namespace

HeadScanner::Status HeadScanner::scan(std::string_view bytes, HeadLimits const& limits) {
    while (scanned_ < bytes.size()) {
        std::size_t const from = scanned_;
        std::size_t const lf = find(bytes, '\n', from, bytes.size());
        bool const line_ended = lf != kNowhere;
        std::size_t const end = line_ended ? lf : bytes.size();

        // A CR is followed by LF, and an LF preceded by CR (RFC 9112, 2.2: both bare ones are
        // where parsers disagree). `from - 1` was the last byte of the call before.
        bool const cr_before = from > line_begin_ && bytes[from - 1] == '\r';
        std::size_t const cr = cr_before ? from - 1 : find(bytes, '\r', from, end);
        bool const cr_is_last = cr != kNowhere && cr + 1 == end;
        if (line_ended && cr == kNowhere) return fail_malformed("bare LF");
        if (cr != kNowhere && !cr_is_last) return fail_malformed("bare CR");

        std::size_t const text_end = cr_is_last ? cr : end;
        if (text_end > line_begin_) begun_ = true;
        scanned_ = end;
        if (!line_ended) break;
        scanned_ = lf + 1;
        Status const status = end_line(lf, limits);
        if (status != Status::incomplete) return status;
    }
    return bytes.size() >= limits.max_bytes ? fail_too_large() : Status::incomplete;
}

/// A line has ended at `lf`: `incomplete` where the head goes on.
HeadScanner::Status HeadScanner::end_line(std::size_t lf, HeadLimits const& limits) {
    bool const empty = lf - line_begin_ == 1;
    if (scanned_ > limits.max_bytes) return fail_too_large();
    line_begin_ = scanned_;
    if (!empty) {
        ++lines_;
        std::size_t const start_lines = part_ == Part::trailers ? 0 : 1;
        return lines_ > limits.max_fields + start_lines ? fail_too_large() : Status::incomplete;
    }
    if (lines_ == 0 && part_ == Part::request_head) {
        if (++leading_empty_lines_ > kMaxLeadingEmptyLines)
            return fail_malformed("too many empty lines before the request line");
        return Status::incomplete;
    }
    size_ = scanned_;
    return Status::complete;
}

HeadScanner::Status HeadScanner::fail_malformed(std::string_view reason) {
    failure_ = {part_ == Part::response_head ? core::FailureKind::response_malformed
                                             : core::FailureKind::request_malformed,
                reason};
    return Status::failed;
}

HeadScanner::Status HeadScanner::fail_too_large() {
    if (part_ == Part::response_head)
        failure_ = {core::FailureKind::response_head_too_large, "response head over the limit"};
    else if (part_ == Part::request_head && lines_ == 0)
        failure_ = {core::FailureKind::target_too_long, "request line over the limit"};
    else
        failure_ = {core::FailureKind::head_too_large, "fields over the limit"};
    return Status::failed;
}

void HeadScanner::reset() {
    *this = HeadScanner{part_};
}

}  // namespace reverse_proxy::http
