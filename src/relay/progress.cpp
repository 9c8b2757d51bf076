#include "reverse_proxy/relay/progress.hpp"

#include <algorithm>

namespace reverse_proxy::relay {

Reader::Reader(core::Socket const& peer, bool is_full)
    : socket{&peer}, full{is_full}, unacknowledged{peer.unacknowledged()} {}

void Progress::heed(Reader const& peer) {
    if (peer.socket == nullptr) return;
    bool const takes_again = peer.full && peer.socket->ready(core::kWritable);
    if (takes_again || peer.socket->unacknowledged() < peer.unacknowledged) note();
}

core::TimePoint Progress::next_look(core::TimePoint deadline, Reader const& one,
                                    Reader const& other) const {
    if (one.socket == nullptr && other.socket == nullptr) return deadline;
    return std::min(deadline, reactor_.now() + idle_timeout_ / 8);
}

}  // namespace reverse_proxy::relay
