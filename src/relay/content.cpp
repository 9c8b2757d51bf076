#include "reverse_proxy/relay/content.hpp"

#include "reverse_proxy/core/read_buffer.hpp"

#include <algorithm>

namespace reverse_proxy::relay {

ContentSource::State ContentMove::collect() {
    for (;;) {
        ContentSource::Step const step = source_.take();
        if (step.state != ContentSource::State::piece) return step.state;
        bytes_ += step.piece.size();
        sink_.content(step.piece);
    }
}

/// What a sink does not take is kept for it, so a read is no larger than what the sink will take: a
/// slow reader must not cost a whole read of memory. The first 64 KiB fit what the kernel gives
/// each connection; only after them is it worth a call to ask.
std::size_t ContentMove::next_read() const {
    constexpr std::size_t kLeast = std::size_t{4} * 1024;
    if (bytes_ < core::ReadBuffer::kFirstRead) return core::ReadBuffer::kFirstRead;
    return std::clamp(sink_.socket().send_room(), kLeast, core::Scratch::kSize);
}

Moved ContentMove::run() {
    // 16 reads of up to 128 KiB: about a millisecond of work, then the other connections have their
    // turn.
    constexpr int kReadsPerTurn = 16;
    for (int reads = 0; reads < kReadsPerTurn; ++reads) {
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
        if (!source_.socket().ready(core::kReadable) || !source_.fill(next_read()))
            return Moved::source_empty;
    }
    return Moved::turn_over;
}

}  // namespace reverse_proxy::relay
