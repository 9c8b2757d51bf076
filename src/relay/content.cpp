#include "reverse_proxy/relay/content.hpp"

#include "reverse_proxy/core/read_buffer.hpp"

#include <algorithm>
#include <cerrno>

namespace reverse_proxy::relay {

ContentSource::State ContentMove::collect() {
    for (;;) {
        ContentSource::Step const step = source_.take();
        if (step.state != ContentSource::State::piece) return step.state;
        bytes_ += step.piece.size();
        sink_.content(step.piece);
    }
}

bool ContentMove::may_splice() const {
    std::uint64_t const least = splicing_ ? 1 : kSpliceFrom;
    return pipes_ != nullptr && source_.plain_bytes() >= least && sink_.takes_plain_bytes();
}

/// One pipe's worth from socket to socket.
ContentMove::Spliced ContentMove::splice() {
    splicing_ = true;
    if (!source_.socket().ready(core::kReadable)) return Spliced::source_empty;
    if (!pipe_) pipe_ = pipes_->take();
    if (!pipe_) return Spliced::copy_instead;
    core::IoResult const result = pipe_.fill(source_.socket(), source_.plain_bytes());
    switch (result.status) {
    case core::IoResult::Status::ok:
        break;
    case core::IoResult::Status::would_block:
        return Spliced::source_empty;
    case core::IoResult::Status::failed:
        if (result.error == EINVAL) return Spliced::copy_instead;
        [[fallthrough]];
    case core::IoResult::Status::end_of_stream:
        source_.moved_past(0);
        return Spliced::more;
    }
    source_.moved_past(result.bytes);
    bytes_ += result.bytes;
    return drain();
}

ContentMove::Spliced ContentMove::drain() {
    while (pipe_.held() > 0) {
        if (!sink_.socket().ready(core::kWritable)) return Spliced::sink_full;
        core::IoResult const result = pipe_.drain(sink_.socket());
        if (result.status == core::IoResult::Status::would_block) return Spliced::sink_full;
        if (result.status != core::IoResult::Status::ok) return Spliced::sink_broken;
    }
    return Spliced::more;
}

/// What a sink does not take is kept for it, so a read is no larger than what the sink will take: a
/// slow reader must not cost a whole read of memory. The first 72 KiB fit what the kernel gives
/// each connection; only after them is it worth a call to ask.
std::size_t ContentMove::next_read() const {
    constexpr std::size_t kLeast = std::size_t{4} * 1024;
    if (bytes_ < core::ReadBuffer::kFirstRead) return core::ReadBuffer::kFirstRead;
    return std::clamp(sink_.socket().send_room(), kLeast, core::Scratch::kSize);
}

Moved ContentMove::run() {
    Moved const moved = move();
    if (pipe_.held() == 0) pipe_.reset();
    return moved;
}

Moved ContentMove::move() {
    // 16 reads of up to 128 KiB, or pipes of 1 MiB: about a millisecond of work, then the other
    // connections have their turn.
    constexpr int kReadsPerTurn = 16;
    Spliced spliced = drain();
    for (int reads = 0;; ++reads) {
        if (spliced == Spliced::sink_full) return Moved::sink_full;
        if (spliced == Spliced::sink_broken) return Moved::sink_broken;

        auto state = ContentSource::State::end;
        if (!ended_) {
            state = collect();
            if (state == ContentSource::State::end) {
                sink_.end(source_.trailers());
                ended_ = true;
            }
        }
        switch (sink_.flush()) {
        case core::Flow::broken:
            return Moved::sink_broken;
        case core::Flow::blocked:
            return state == ContentSource::State::failed ? Moved::source_failed : Moved::sink_full;
        case core::Flow::done:
            break;
        }
        if (ended_) {
            complete_ = true;
            return Moved::complete;
        }
        if (state == ContentSource::State::failed) return Moved::source_failed;
        // Before the next read, not behind it: between two turns nothing lies in hand, where it
        // could be taken for content that is done with.
        if (reads == kReadsPerTurn) return Moved::turn_over;
        if (may_splice()) {
            spliced = splice();
            if (spliced == Spliced::source_empty) return Moved::source_empty;
            if (spliced != Spliced::copy_instead) continue;
            pipes_ = nullptr;
            pipe_.reset();
        }
        if (!source_.socket().ready(core::kReadable) || !source_.fill(next_read()))
            return Moved::source_empty;
    }
}

}  // namespace reverse_proxy::relay
