#include "reverse_proxy/ingress/listener.hpp"

#include "reverse_proxy/platform/platform.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace reverse_proxy::ingress {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// The kernel cuts it down to net.core.somaxconn.
constexpr int kBacklog = 4096;

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

/// Opens and binds; an error is returned, so that the caller can say which address it was.
error_code open(tcp::acceptor& acceptor, tcp::endpoint const& endpoint, bool shared) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (error) return error;
    acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only{true}, error);
    if (shared && !platform::share_port(acceptor.native_handle())) {
        return {errno, boost::system::system_category()};
    }
    acceptor.bind(endpoint, error);
    return error;
}

}  // namespace

Listener::Listener(config::ListenAddress const& address, unsigned workers) {
    try {
        address.is_unix() ? listen_unix(address, workers) : listen_tcp(address, workers);
    } catch (...) {
        for (int const descriptor : descriptors_)
            ::close(descriptor);
        throw;
    }
}

Listener::Listener(Listener&& other) noexcept
    : descriptors_{std::move(other.descriptors_)}, port_{other.port_}, unix_path_{std::exchange(
                                                                           other.unix_path_, {})} {
    other.descriptors_.clear();
}

Listener::~Listener() {
    for (int const descriptor : descriptors_) {
        if (descriptor >= 0) ::close(descriptor);
    }
    if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

int Listener::take(unsigned worker) {
    return std::exchange(descriptors_[worker], -1);
}

void Listener::listen_tcp(config::ListenAddress const& address, unsigned workers) {
    asio::io_context io;
    tcp::endpoint endpoint = resolve(io, address);
    {
        // Without SO_REUSEPORT first: with it, a second daemon would quietly share the port of the
        // first. Bound only: a listening socket would reset whoever connects before it closes.
        tcp::acceptor alone{io};
        if (error_code const error = open(alone, endpoint, false)) refuse(address, error);
        endpoint = alone.local_endpoint();
    }
    for (unsigned worker = 0; worker < workers; ++worker) {
        tcp::acceptor acceptor{io};
        if (error_code const error = open(acceptor, endpoint, true)) refuse(address, error);
        acceptor.non_blocking(true);
        platform::tune_listener(acceptor.native_handle());
        if (endpoint.address().is_loopback()) platform::stay_within_host(acceptor.native_handle());
        error_code error;
        acceptor.listen(kBacklog, error);
        if (error) refuse(address, error);
        descriptors_.push_back(acceptor.release());
    }
    port_ = endpoint.port();
}

void Listener::listen_unix(config::ListenAddress const& address, unsigned workers) {
    using asio::local::stream_protocol;
    asio::io_context io;
    stream_protocol::endpoint const endpoint{address.unix_path};
    error_code error;
    stream_protocol::socket probe{io};
    probe.connect(endpoint, error);
    if (!error) refuse(address, asio::error::address_in_use);
    // A socket file that nobody listens on was left by a process that was killed. Anything else is
    // kept.
    if (error == asio::error::connection_refused) ::unlink(address.unix_path.c_str());

    stream_protocol::acceptor acceptor{io};
    acceptor.open(endpoint.protocol());
    acceptor.bind(endpoint, error);
    if (error) refuse(address, error);
    unix_path_ = address.unix_path;
    acceptor.listen(kBacklog, error);
    if (error) refuse(address, error);
    acceptor.non_blocking(true);
    descriptors_.push_back(acceptor.release());
    // The kernel spreads nothing here: all workers accept from the one queue.
    while (descriptors_.size() < workers) {
        int const copy = ::fcntl(descriptors_.front(), F_DUPFD_CLOEXEC, 0);
        if (copy < 0) refuse(address, {errno, boost::system::system_category()});
        descriptors_.push_back(copy);
    }
}

}  // namespace reverse_proxy::ingress
