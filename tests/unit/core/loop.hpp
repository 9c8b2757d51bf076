#pragma once

#include "reverse_proxy/core/task.hpp"
#include "reverse_proxy/core/worker_io.hpp"
#include "reverse_proxy/platform/process.hpp"
#include "tests/support/os.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// A worker's loop for tests, and streams that never leave the process.
namespace reverse_proxy::core::test {

namespace os = test_support::os;

/// Why a test is skipped where a stream is two sockets of TCP.
inline constexpr char const* kStreamsOfTcp =
    "TCP holds more than the test sends, and is told later that its peer has gone";

/// The far end of a stream: a plain descriptor that is read and written at once.
class Peer {
public:
    Peer() = default;
    explicit Peer(int descriptor) : descriptor_{descriptor} {}
    Peer(Peer const&) = delete;
    Peer& operator=(Peer const&) = delete;
    ~Peer() { close(); }

    void adopt(int descriptor) { descriptor_ = descriptor; }
    void send(std::string_view bytes) const { ASSERT_EQ(send_some(bytes), bytes.size()); }
    /// What the system takes, 0 where it takes nothing.
    [[nodiscard]] std::size_t send_some(std::string_view bytes) const {
        return os::send(descriptor_, bytes).value_or(0);
    }
    /// All that has arrived.
    [[nodiscard]] std::string receive() const {
        std::string text;
        std::string piece(64 * 1024, '\0');
        for (;;) {
            auto const got = os::receive(descriptor_, piece).value_or(0);
            if (got == 0) return text;
            text.append(piece, 0, got);
        }
    }
    /// Whether the other side has closed (reset where it left bytes unread) and everything was
    /// received.
    [[nodiscard]] bool at_end() const {
        char byte = 0;
        auto const got = os::receive(descriptor_, {&byte, 1});
        return got ? *got == 0 : os::last_error() == ECONNRESET;
    }
    void finish() const { os::finish(descriptor_); }
    void close() {
        if (descriptor_ >= 0) os::close(descriptor_);
        descriptor_ = -1;
    }
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    int descriptor_{-1};
};

/// The far end's socket, and the worker's.
struct Ends {
    explicit Ends(Reactor& reactor, Readiness ready) {
        auto const ends = os::new_pair();
        peer.adopt(ends[1]);
        socket.open(reactor, ends[0], ready);
    }

    Peer peer;
    Socket socket;
};

struct Loop {
    Loop() {
        platform::block_broken_pipe_signal();
        io.reactor.start([this](TimePoint) { ++ticks; });
    }

    /// Runs all that can run without waiting: whatever was sent before has been told of.
    void settle() {
        run_ready();
        if (!os::tells_later()) return;
        // Events are told in their order: so those of all that was sent before are when this one
        // is.
        if (!last_) last_.emplace(io.reactor, Readiness{0});
        last_->peer.send("x");
        ASSERT_TRUE(run_until([this] { return last_->socket.ready(kReadable); }));
        std::array<char, 2> space{};
        ASSERT_EQ(last_->socket.read(space).bytes, 1U);
        run_ready();
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

private:
    void run_ready() {
        while (context.poll() != 0) {
        }
    }

    std::optional<Ends> last_;
};

/// Starts a body that returns Task<>; the body, captures included, lives until it ends.
template <typename Body> Detached spawn(Body body) {
    co_await body();
}

/// A socket of the worker and its peer.
struct Stream : Ends {
    explicit Stream(Loop& loop, Readiness ready = kWritable) : Ends{loop.io.reactor, ready} {}
    /// A stream that takes only a few KiB before it is full.
    void shrink() const {
        int const bytes = 1;  // the kernel rounds up to its least, 4.5 KiB
        ASSERT_TRUE(os::set_option(socket.descriptor(), SOL_SOCKET, SO_SNDBUF, bytes));
    }
};

/// Bytes that differ at every place of any power of two.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>('!' + i * 7 % 89);
    return text;
}

}  // namespace reverse_proxy::core::test
