// The least that a proxy on this machine can cost: bytes move between each client and a connection
// of its own to the origin, unread, by one recv and one send a piece on the sockets' own queue. No
// HTTP, no pool, no limit, no timeout: what scripts/bench/compare.py measures the daemon against.
//
//   byte_pump PORT ORIGIN_ADDRESS ORIGIN_PORT

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

namespace {

sockaddr_in address_of(char const* address, char const* port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    if (inet_pton(AF_INET, address, &result.sin_addr) != 1)
        throw std::runtime_error{"not an IPv4 address"};
    return result;
}

int new_socket() {
    int const descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw std::runtime_error{"no socket"};
    // As the daemon has it on loopback: pacing would cost more than all else.
    int const on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    return descriptor;
}

class BytePump {
public:
    BytePump(char const* port, sockaddr_in const& origin)
        : origin_{origin}, listener_{new_socket()}, events_{epoll_create1(EPOLL_CLOEXEC)} {
        int const on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in const here = address_of("127.0.0.1", port);
        if (bind(listener_, reinterpret_cast<sockaddr const*>(&here), sizeof here) != 0 ||
            listen(listener_, 4096) != 0)
            throw std::runtime_error{"cannot listen"};
        watch(listener_, EPOLLIN);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 256> ready{};
        for (;;) {
            int const count = epoll_wait(events_, ready.data(), static_cast<int>(ready.size()), -1);
            for (int i = 0; i < count; ++i) {
                int const descriptor = ready[static_cast<std::size_t>(i)].data.fd;
                descriptor == listener_ ? accept_one() : move(descriptor);
            }
        }
    }

private:
    void watch(int descriptor, std::uint32_t events) const {
        epoll_event event{};
        event.events = events;
        event.data.fd = descriptor;
        epoll_ctl(events_, EPOLL_CTL_ADD, descriptor, &event);
    }

    void accept_one() {
        int const client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) return;
        int const server = new_socket();
        if (connect(server, reinterpret_cast<sockaddr const*>(&origin_), sizeof origin_) != 0) {
            close(client);
            close(server);
            return;
        }
        auto const highest = static_cast<std::size_t>(std::max(client, server));
        if (other_end_.size() <= highest) other_end_.resize(highest + 1);
        other_end_[static_cast<std::size_t>(client)] = server;
        other_end_[static_cast<std::size_t>(server)] = client;
        watch(client, EPOLLIN | EPOLLRDHUP | EPOLLET);
        watch(server, EPOLLIN | EPOLLRDHUP | EPOLLET);
    }

    /// What a piece of this size leaves behind raises no new edge; none of the workloads has one.
    void move(int from) {
        int const to = other_end_[static_cast<std::size_t>(from)];
        ssize_t const size = recv(from, bytes_.data(), bytes_.size(), MSG_DONTWAIT);
        if (size > 0) {
            send(to, bytes_.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL);
        } else if (size == 0) {
            close(to);
            close(from);
        }
    }

    sockaddr_in origin_;
    int listener_;
    int events_;
    std::vector<int> other_end_;  // by descriptor
    std::vector<char> bytes_ = std::vector<char>(std::size_t{128} * 1024);
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: byte_pump PORT ORIGIN_ADDRESS ORIGIN_PORT\n", stderr);
        return EXIT_FAILURE;
    }
    // A benchmark that is killed must not leave this behind.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    try {
        BytePump{argv[1], address_of(argv[2], argv[3])}.run();
    } catch (std::runtime_error const& error) {
        std::fprintf(stderr, "byte_pump: %s\n", error.what());
        return EXIT_FAILURE;
    }
}
