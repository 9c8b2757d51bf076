#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace reverse_proxy::test_support {

/// No wait of a test is longer than this; one that gets here has failed.
inline constexpr std::chrono::seconds kBound{10};
/// Stands for no bound at all, since poll(2) takes milliseconds as an int.
inline constexpr std::chrono::hours kForEver{24};

using Deadline = std::chrono::steady_clock::time_point;
[[nodiscard]] inline Deadline within(std::chrono::milliseconds bound = kBound) {
    return std::chrono::steady_clock::now() + bound;
}

/// The awaited event did not come before the deadline.
struct TimedOut : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// The peer reset the connection, or closed it where more had to come.
struct PeerClosed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Which socket to connect: nothing is done with the kernel's defaults where a number is 0.
struct SocketOptions {
    int receive_buffer_bytes{0};
    int send_buffer_bytes{0};
    /// Loopback's segments of 64 KiB make buffers of megabytes, other networks' do not
    /// (TCP_MAXSEG).
    int segment_bytes{0};
};

/// One TCP or unix stream socket: non-blocking underneath, each call waits up to a deadline.
///
/// Owned by one thread; only `interrupt` may be called from another one while the socket lives.
class Socket {
public:
    Socket() = default;
    explicit Socket(int fd);
    ~Socket();
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&& other) noexcept;

    /// Throws std::runtime_error where the connection is refused.
    static Socket connect_tcp(std::string const& address, std::uint16_t port,
                              SocketOptions const& options = {});
    static Socket connect_unix(std::string const& path);
    static Socket listen_tcp(std::string const& address, std::uint16_t port,
                             SocketOptions const& options = {});

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool is_open() const { return fd_ >= 0; }
    [[nodiscard]] std::uint16_t local_port() const;

    void send_all(std::string_view bytes, Deadline deadline = within());
    /// Sends what the kernel takes at once, nothing where it takes nothing for `patience`.
    std::size_t send_some(std::string_view bytes, std::chrono::milliseconds patience);
    /// @return bytes received, 0 at the end of the stream; throws PeerClosed on a reset
    std::size_t receive(char* out, std::size_t size, Deadline deadline = within());
    /// The stream ends or is reset before the deadline, whatever comes before that; false: it stays
    /// open.
    bool wait_closed(Deadline deadline);

    void shutdown_write();
    /// Closes so that the peer sees a reset (SO_LINGER 0).
    void reset();
    void close();
    /// Any thread: ends a wait of the owner, who sees the end of the stream.
    void interrupt();

private:
    int fd_{-1};
};

}  // namespace reverse_proxy::test_support
