#pragma once

#include <vector>

/// The network of connection_fuzz: streams that never leave the process. The program is linked with
/// --wrap for socket(2), connect(2) and epoll_wait(2) (see CMakeLists.txt), so that the connection
/// code runs as it is, on socket pairs, and never waits.
namespace reverse_proxy::fuzz {

struct MemoryNetwork {
    /// Far ends of the connections made since the last look; the taker closes them.
    std::vector<int> dialled;
    /// The next connect fails as where nobody listens.
    bool refuse_next{false};
    /// Streams hold a few KiB, so that writes stop half way.
    bool small_buffers{false};

    /// Both ends non-blocking; near is for the proxy.
    struct Pair {
        int near;
        int far;
    };
    [[nodiscard]] Pair make_pair() const;
};

MemoryNetwork& memory_network();

}  // namespace reverse_proxy::fuzz
