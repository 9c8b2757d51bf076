#include "reverse_proxy/relay/content.hpp"

namespace reverse_proxy::relay {

ContentSource::State ContentMove::collect() {
    for (;;) {
        ContentSource::Step const step = source_.take();
        if (step.state != ContentSource::State::piece) return step.state;
        bytes_ += step.piece.size();
        sink_.content(step.piece);
    }
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
        if (!source_.socket().ready(core::kReadable) || !source_.fill()) return Moved::source_empty;
    }
    return Moved::turn_over;
}

}  // namespace reverse_proxy::relay
