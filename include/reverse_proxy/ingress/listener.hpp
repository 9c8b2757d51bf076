#pragma once

#include "reverse_proxy/config/settings.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace reverse_proxy::ingress {

/// Connections that wait to be accepted; the kernel cuts it down to net.core.somaxconn.
inline constexpr int kBacklog = 4096;

/// An address cannot be listened on; the text names it and says why.
class ListenError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One listen address with a listening socket for each worker, or one for all of them where the
/// system cannot spread connections. A unix socket's file is removed at the end, unless another
/// process has put its own in its place.
class Listener {
public:
    /// Binds and listens. Throws ListenError, also where another process listens there already.
    Listener(config::ListenAddress const& address, unsigned workers);
    ~Listener();
    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&&) = delete;
    Listener(Listener const&) = delete;
    Listener& operator=(Listener const&) = delete;

    /// The sockets, which the caller owns from then on: one for each worker, or a single one.
    [[nodiscard]] std::vector<int> take();
    /// Port that was bound; 0 for a unix socket.
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    void listen_tcp(config::ListenAddress const& address, unsigned workers);
    void listen_unix(config::ListenAddress const& address, unsigned workers);
    void release();

    std::vector<int> descriptors_;
    std::uint16_t port_{0};
    std::string unix_path_;
    int unix_file_{-1};  // holds the file that this listener made
};

}  // namespace reverse_proxy::ingress
