#include "tests/fuzz/memory_network.hpp"

#include <cerrno>
#include <map>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace reverse_proxy::fuzz {
namespace {

/// Near ends that have not been connected yet, and their far ends.
std::map<int, int>& unconnected() {
    static std::map<int, int> pairs;
    return pairs;
}

}  // namespace

MemoryNetwork& memory_network() {
    static MemoryNetwork network;
    return network;
}

MemoryNetwork::Pair MemoryNetwork::make_pair() const {
    int both[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) != 0)
        throw std::runtime_error{"socketpair failed"};
    int const least = 1;  // the kernel rounds up, to 4.5 KiB
    if (small_buffers) {
        for (int const end : both)
            ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    }
    return {both[0], both[1]};
}

}  // namespace reverse_proxy::fuzz

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {

int __real_epoll_wait(int descriptor, epoll_event* events, int size, int timeout);
int __wrap_epoll_wait(int descriptor, epoll_event* events, int size, int timeout);
int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int descriptor, sockaddr const* address, socklen_t size);

int __wrap_epoll_wait(int descriptor, epoll_event* events, int size, int /*timeout*/) {
    return __real_epoll_wait(descriptor, events, size, 0);
}

int __wrap_socket(int /*family*/, int /*type*/, int /*protocol*/) {
    auto const pair = reverse_proxy::fuzz::memory_network().make_pair();
    reverse_proxy::fuzz::unconnected()[pair.near] = pair.far;
    return pair.near;
}

int __wrap_connect(int descriptor, sockaddr const* /*address*/, socklen_t /*size*/) {
    auto& network = reverse_proxy::fuzz::memory_network();
    auto const found = reverse_proxy::fuzz::unconnected().find(descriptor);
    int const far = found->second;
    reverse_proxy::fuzz::unconnected().erase(found);
    if (network.refuse_next) {
        network.refuse_next = false;
        ::close(far);
        errno = ECONNREFUSED;
        return -1;
    }
    network.dialled.push_back(far);
    return 0;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
