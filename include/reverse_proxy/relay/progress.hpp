#pragma once

#include "reverse_proxy/core/reactor.hpp"

#include <cstddef>

namespace reverse_proxy::relay {

/// A peer whose reading counts as progress, and what it had not acknowledged when a wait began.
/// Without a socket there is none.
struct Reader {
    Reader() = default;
    /// @param is_full  the kernel takes no more for it at the moment
    Reader(core::Socket const& peer, bool is_full);

    core::Socket const* socket{nullptr};
    bool full{false};
    std::size_t unacknowledged{0};  // bytes; 0 where the platform does not tell
};

/// When content last moved, and how long that may be ago. What a peer reads of what it was sent
/// before counts, too: a pipe's worth that one end had sent at once, or what the kernel holds, may
/// take the other one minutes. One worker's.
class Progress {
public:
    Progress(core::Reactor const& reactor, core::Duration idle_timeout)
        : reactor_{reactor}, idle_timeout_{idle_timeout}, at_{reactor.now()} {}

    /// Something moves, or may begin to, now.
    void note() { at_ = reactor_.now(); }
    /// Notes what `peer` has read since its wait began.
    void heed(Reader const& peer);
    [[nodiscard]] core::TimePoint at() const { return at_; }
    /// When nothing will have moved for the idle timeout.
    [[nodiscard]] core::TimePoint deadline() const { return at_ + idle_timeout_; }
    /// The end of a wait that `deadline` bounds. With somebody who may read it comes eight times in
    /// the idle timeout: progress is dated by the wait that saw it, and the acknowledgement of what
    /// was sent right before a long one would count from its end.
    [[nodiscard]] core::TimePoint next_look(core::TimePoint deadline, Reader const& one,
                                            Reader const& other = {}) const;

private:
    core::Reactor const& reactor_;
    core::Duration idle_timeout_;
    core::TimePoint at_;
};

}  // namespace reverse_proxy::relay
