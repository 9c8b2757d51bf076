#pragma once

#include "reverse_proxy/core/task.hpp"
#include "reverse_proxy/core/worker_io.hpp"
#include "reverse_proxy/platform/platform.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

/// A worker's loop for tests, and streams that never leave the process.
namespace reverse_proxy::core::test {

struct Loop {
    Loop() {
        platform::block_broken_pipe_signal();
        io.reactor.start([this](TimePoint) { ++ticks; });
    }

    /// Runs all that can run without waiting.
    void settle() {
        while (context.poll() != 0) {
        }
    }
    /// Runs until `done`; the bound (10 s) is for a loop that has lost an event, not a time-out
    /// that is tested.
    [[nodiscard]] bool run_until(std::function<bool()> const& done) {
        auto const give_up = Clock::now() + std::chrono::seconds{10};
        while (!done() && Clock::now() < give_up)
            context.run_one_for(std::chrono::seconds{1});
        return done();
    }

    boost::asio::io_context context{1};
    WorkerIo io{context};
    int ticks{0};
};

/// Starts a body that returns Task<>; the body, captures included, lives until it ends.
template <typename Body> Detached spawn(Body body) {
    co_await body();
}

/// The far end of a stream: a plain descriptor that is read and written at once.
class Peer {
public:
    Peer() = default;
    explicit Peer(int descriptor) : descriptor_{descriptor} {}
    Peer(Peer const&) = delete;
    Peer& operator=(Peer const&) = delete;
    ~Peer() { close(); }

    void adopt(int descriptor) { descriptor_ = descriptor; }
    void send(std::string_view bytes) const {
        ASSERT_EQ(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    /// All that has arrived.
    [[nodiscard]] std::string receive() const {
        std::string text;
        std::string piece(64 * 1024, '\0');
        for (;;) {
            ssize_t const got = ::recv(descriptor_, piece.data(), piece.size(), MSG_DONTWAIT);
            if (got <= 0) return text;
            text.append(piece, 0, static_cast<std::size_t>(got));
        }
    }
    /// Whether the other side has closed (reset where it left bytes unread) and everything was
    /// received.
    [[nodiscard]] bool at_end() const {
        char byte = 0;
        ssize_t const got = ::recv(descriptor_, &byte, 1, MSG_DONTWAIT);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }
    void finish() const { ::shutdown(descriptor_, SHUT_WR); }
    void close() {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    int descriptor_{-1};
};

/// Two ends of an in-memory stream, both non-blocking: `near` is given to a Socket, `far` to a
/// Peer.
struct Ends {
    Ends() {
        int both[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both), 0);
        near = both[0];
        far = both[1];
    }
    int near{-1};
    int far{-1};
};

/// A socket of the worker and its peer.
struct Stream {
    explicit Stream(Loop& loop, Readiness ready = kWritable) {
        Ends const ends;
        peer.adopt(ends.far);
        socket.open(loop.io.reactor, ends.near, ready);
    }
    /// A stream that takes only a few KiB before it is full.
    void shrink() const {
        int const bytes = 1;  // the kernel rounds up to its least, 4.5 KiB
        ASSERT_EQ(::setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes),
                  0);
    }

    Peer peer;
    Socket socket;
};

/// Bytes that differ at every place of any power of two.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>('!' + i * 7 % 89);
    return text;
}

}  // namespace reverse_proxy::core::test
