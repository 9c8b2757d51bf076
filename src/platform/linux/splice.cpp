#include "reverse_proxy/platform/splice.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace reverse_proxy::platform {

bool make_pipe(PipeEnds& ends, std::size_t capacity) {
    int both[2];
    if (::pipe2(both, O_NONBLOCK | O_CLOEXEC) != 0) return false;
    ends = {both[0], both[1]};
    ::fcntl(ends.write_end, F_SETPIPE_SZ, static_cast<int>(capacity));
    return true;
}

void close_pipe(PipeEnds const& ends) noexcept {
    ::close(ends.read_end);
    ::close(ends.write_end);
}

Transfer splice(int from, int to, std::size_t bytes) {
    ssize_t const moved =
        ::splice(from, nullptr, to, nullptr, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved < 0) return {0, errno};
    return {static_cast<std::size_t>(moved), 0};
}

}  // namespace reverse_proxy::platform
