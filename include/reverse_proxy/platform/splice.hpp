#pragma once

#include "reverse_proxy/platform/sockets.hpp"

#include <cstddef>

/// Pipes through which the kernel moves bytes from one socket to another without copying them
/// (splice(2)). Linux alone has them; elsewhere none can be made.
namespace reverse_proxy::platform {

struct PipeEnds {
    int read_end;
    int write_end;
};

/// A non-blocking pipe of `capacity` bytes, or of fewer where the user's share of pipe memory is
/// used up (pipe(7), pipe-user-pages-soft). @return whether there is one
bool make_pipe(PipeEnds& ends, std::size_t capacity);
void close_pipe(PipeEnds const& ends) noexcept;

/// Moves bytes between a socket and a pipe; none and no error: the peer has finished. EINVAL where
/// the kernel cannot.
Transfer splice(int from, int to, std::size_t bytes);

}  // namespace reverse_proxy::platform
