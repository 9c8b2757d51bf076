#include "reverse_proxy/ingress/listener.hpp"

#include "reverse_proxy/platform/sockets.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <cstdio>
#include <filesystem>
#include <utility>

namespace reverse_proxy::ingress {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

[[noreturn]] void refuse(config::ListenAddress const& address, error_code const& error) {
    throw ListenError{"cannot listen on " + address.text() + ": " + error.message()};
}

tcp::endpoint resolve(asio::io_context& io, config::ListenAddress const& address) {
    error_code error;
    auto const literal = asio::ip::make_address(address.host, error);
    if (!error) return {literal, address.port};
    auto const found =
        tcp::resolver{io}.resolve(address.host, std::to_string(address.port),
                                  tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error || found.empty()) refuse(address, error);
    return *found.begin();
}

int bind(config::ListenAddress const& address, tcp::endpoint const& endpoint, bool shared) {
    int error = 0;
    int const descriptor = platform::bind_listener(endpoint.data(), endpoint.size(), shared,
                                                   endpoint.address().is_loopback(), error);
    if (descriptor < 0) refuse(address, {error, boost::system::generic_category()});
    return descriptor;
}

void listen(config::ListenAddress const& address, int descriptor) {
    if (int const error = platform::listen(descriptor, kBacklog))
        refuse(address, {error, boost::system::generic_category()});
}

/// Puts the port that the system chose in the place of 0.
void find_port(config::ListenAddress const& address, int descriptor, tcp::endpoint& endpoint) {
    auto size = static_cast<unsigned>(endpoint.capacity());
    if (int const error = platform::local_address(descriptor, endpoint.data(), size))
        refuse(address, {error, boost::system::generic_category()});
}

}  // namespace

Listener::Listener(config::ListenAddress const& address, unsigned workers) {
    try {
        address.is_unix() ? listen_unix(address, workers) : listen_tcp(address, workers);
    } catch (...) {
        release();
        throw;
    }
}

Listener::Listener(Listener&& other) noexcept
    : descriptors_{std::exchange(other.descriptors_, {})}, port_{other.port_},
      unix_path_{std::move(other.unix_path_)}, unix_file_{std::exchange(other.unix_file_, -1)} {}

Listener::~Listener() {
    release();
}

void Listener::release() {
    for (int const descriptor : descriptors_)
        platform::close(descriptor);
    // Not what a successor has bound there meanwhile.
    if (platform::is_held_file(unix_file_, unix_path_)) std::remove(unix_path_.c_str());
    if (unix_file_ >= 0) platform::close(unix_file_);
}

std::vector<int> Listener::take() {
    return std::exchange(descriptors_, {});
}

void Listener::listen_tcp(config::ListenAddress const& address, unsigned workers) {
    asio::io_context io;
    tcp::endpoint endpoint = resolve(io, address);
    // The first takes the port for itself and shares it only once it listens: if all were shared
    // from the start, a second daemon would quietly have a part of the connections.
    int const first = descriptors_.emplace_back(bind(address, endpoint, false));
    listen(address, first);
    find_port(address, first, endpoint);
    unsigned const sockets = platform::share_port(first) ? workers : 1;
    while (descriptors_.size() < sockets)
        listen(address, descriptors_.emplace_back(bind(address, endpoint, true)));
    port_ = endpoint.port();
}

void Listener::listen_unix(config::ListenAddress const& address, unsigned workers) {
    using asio::local::stream_protocol;
    if (!platform::has_unix_sockets()) refuse(address, asio::error::operation_not_supported);
    asio::io_context io;
    stream_protocol::endpoint const endpoint{address.unix_path};
    error_code error;
    stream_protocol::socket probe{io};
    probe.connect(endpoint, error);
    if (!error) refuse(address, asio::error::address_in_use);
    // A socket file that nobody listens on was left by a process that was killed. Anything else is
    // kept, though connecting to it is refused just the same.
    std::error_code unknown;
    bool const is_socket = std::filesystem::symlink_status(address.unix_path, unknown).type() ==
                           std::filesystem::file_type::socket;
    if (is_socket && error == asio::error::connection_refused)
        std::remove(address.unix_path.c_str());

    stream_protocol::acceptor acceptor{io};
    acceptor.open(endpoint.protocol());
    acceptor.bind(endpoint, error);
    if (error) refuse(address, error);
    unix_path_ = address.unix_path;
    unix_file_ = platform::hold_file(unix_path_);
    acceptor.listen(kBacklog, error);
    if (error) refuse(address, error);
    acceptor.non_blocking(true);
    descriptors_.push_back(static_cast<int>(acceptor.release()));
    // The kernel spreads nothing here: all workers accept from the one queue.
    while (descriptors_.size() < workers) {
        int failed = 0;
        int const copy = platform::duplicate(descriptors_.front(), failed);
        if (copy < 0) refuse(address, {failed, boost::system::generic_category()});
        descriptors_.push_back(copy);
    }
}

}  // namespace reverse_proxy::ingress
