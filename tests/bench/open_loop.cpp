// Sends GET requests at a fixed rate whatever the answers do, and times each one from the moment
// when it was due: a server that stalls pays for every request that it kept waiting (no coordinated
// omission).
//
//   open_loop ADDRESS PORT PATH CONNECTIONS REQUESTS_PER_SECOND SECONDS
//
// Prints one line of JSON. A request that is due while all connections are busy waits in a queue.

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

struct Connection {
    int socket{-1};
    Clock::time_point due;
    std::string head;          // of the response, until it is whole
    std::size_t remaining{0};  // bytes of content still to come
    bool in_content{false};
};

class OpenLoop {
public:
    OpenLoop(char const* address, int port, char const* path, std::size_t connections)
        : epoll_{epoll_create1(EPOLL_CLOEXEC)}, request_{std::string{"GET "} + path +
                                                         " HTTP/1.1\r\nHost: bench\r\n\r\n"},
          connections_(connections) {
        sockaddr_in peer{};
        peer.sin_family = AF_INET;
        peer.sin_port = htons(static_cast<std::uint16_t>(port));
        if (inet_pton(AF_INET, address, &peer.sin_addr) != 1)
            throw std::runtime_error{"not an IPv4 address"};
        for (Connection& connection : connections_) {
            connection.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr generic{};
            static_assert(sizeof generic == sizeof peer);
            std::memcpy(&generic, &peer, sizeof peer);
            if (connect(connection.socket, &generic, sizeof generic) != 0)
                throw std::runtime_error{"cannot connect"};
            int const on = 1;
            setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.ptr = &connection;
            epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
            idle_.push_back(&connection);
        }
    }

    void run(double rate, double seconds) {
        auto const total = static_cast<std::size_t>(rate * seconds);
        latencies_.reserve(total);
        Clock::time_point const start = Clock::now();
        // Past it what is unanswered is lost: a bound on the whole run.
        auto const give_up = start + Nanoseconds{static_cast<std::int64_t>((seconds + 10) * 1e9)};
        auto const due_at = [&](std::size_t number) {
            return start +
                   Nanoseconds{static_cast<std::int64_t>(static_cast<double>(number) * 1e9 / rate)};
        };
        std::size_t sent = 0;
        while (latencies_.size() + failed_ < total) {
            Clock::time_point const now = Clock::now();
            if (now > give_up) break;
            for (; sent < total && due_at(sent) <= now; ++sent)
                waiting_.push_back(due_at(sent));
            send_waiting();
            wait(sent < total ? due_at(sent) - Clock::now() : Nanoseconds{100'000'000});
        }
        lost_ = total - latencies_.size();
    }

    void print() {
        std::sort(latencies_.begin(), latencies_.end());
        std::printf("{\"requests\": %zu, \"failed\": %zu, \"p50_ms\": %.4f, \"p90_ms\": %.4f, "
                    "\"p99_ms\": %.4f, \"p999_ms\": %.4f, \"max_ms\": %.4f}\n",
                    latencies_.size(), lost_, quantile(0.5), quantile(0.9), quantile(0.99),
                    quantile(0.999), quantile(1));
    }

private:
    void send_waiting() {
        while (!waiting_.empty() && !idle_.empty()) {
            // The connection that has rested longest: all of them are in use.
            Connection& connection = *idle_.front();
            idle_.pop_front();
            connection.due = waiting_.front();
            waiting_.pop_front();
            if (send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(request_.size()))
                drop(connection);
        }
    }

    void wait(Nanoseconds longest) {
        longest = std::max(longest, Nanoseconds{0});
        timespec const timeout{longest.count() / 1'000'000'000, longest.count() % 1'000'000'000};
        epoll_event events[256];
        int const count = epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
        for (int i = 0; i < count; ++i)
            receive(*static_cast<Connection*>(events[i].data.ptr));
    }

    void receive(Connection& connection) {
        char buffer[65'536];
        ssize_t const size = recv(connection.socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) return drop(connection);
        std::string_view bytes{buffer, static_cast<std::size_t>(size)};
        if (!connection.in_content) {
            connection.head.append(bytes);
            std::size_t const end = connection.head.find("\r\n\r\n");
            if (end == std::string::npos) return;
            // HAProxy writes field names in lower case; none of the values here holds capitals that
            // matter.
            std::transform(connection.head.begin(),
                           connection.head.begin() + static_cast<std::ptrdiff_t>(end),
                           connection.head.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            std::size_t const field = connection.head.find("\r\ncontent-length: ");
            bool const sound = connection.head.compare(0, 12, "http/1.1 200") == 0;
            if (!sound || field > end) return drop(connection);
            std::size_t const content = connection.head.size() - end - 4;
            connection.remaining = std::strtoul(connection.head.c_str() + field + 18, nullptr, 10);
            connection.in_content = true;
            bytes = bytes.substr(bytes.size() - content);
        }
        connection.remaining -= std::min(connection.remaining, bytes.size());
        if (connection.remaining != 0) return;
        latencies_.push_back(Clock::now() - connection.due);
        connection.head.clear();
        connection.in_content = false;
        idle_.push_back(&connection);
    }

    void drop(Connection& connection) {
        ++failed_;
        close(connection.socket);
        connection.socket = -1;
    }

    [[nodiscard]] double quantile(double share) const {
        if (latencies_.empty()) return 0;
        auto const index =
            static_cast<std::size_t>(std::ceil(share * static_cast<double>(latencies_.size()))) - 1;
        return std::chrono::duration<double, std::milli>{latencies_[index]}.count();
    }

    int epoll_;
    std::string request_;
    std::vector<Connection> connections_;
    std::deque<Connection*> idle_;
    std::deque<Clock::time_point> waiting_;
    std::vector<Nanoseconds> latencies_;
    std::size_t failed_{0};
    std::size_t lost_{0};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fputs("usage: open_loop ADDRESS PORT PATH CONNECTIONS REQUESTS_PER_SECOND SECONDS\n",
                   stderr);
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1UL);  // the kernel's 50 microseconds would be part of each figure
    try {
        OpenLoop loop{argv[1], std::atoi(argv[2]), argv[3], std::strtoul(argv[4], nullptr, 10)};
        loop.run(std::strtod(argv[5], nullptr), std::strtod(argv[6], nullptr));
        loop.print();
    } catch (std::exception const& error) {
        std::fprintf(stderr, "open_loop: %s\n", error.what());
        return 1;
    }
}
