#include "reverse_proxy/ingress/acceptor.hpp"

#include "reverse_proxy/ingress/listener.hpp"
#include "reverse_proxy/platform/sockets.hpp"
#include "reverse_proxy/telemetry/log.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace reverse_proxy::ingress {

namespace {

namespace asio = boost::asio;
using Address = asio::generic::stream_protocol::endpoint;

modifiers::Peer peer_of(Address const& address, modifiers::TrustedProxies const& trusted) {
    modifiers::Peer peer;
    if (address.protocol().family() == asio::local::stream_protocol{}.family()) {
        peer.is_unix = true;
        peer.text = "unix:";
        peer.trusted = trusted.unix_peers;
        return peer;
    }
    asio::ip::tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), address.data(), std::min(address.size(), endpoint.capacity()));
    peer.address = core::unmapped(endpoint.address());
    peer.text = core::text_of(peer.address);
    peer.trusted = trusted.trusts(peer.address);
    return peer;
}

/// At most once a second, however often accepting fails.
void log_pause(int error) {
    thread_local core::TimePoint logged_at{};
    core::TimePoint const now = core::Clock::now();
    if (now - logged_at < std::chrono::seconds{1}) return;
    logged_at = now;
    telemetry::log(telemetry::LogLevel::warn, "accepting paused",
                   {{"error", std::strerror(error)}});
}

}  // namespace

Acceptor::Acceptor(Clients& clients, int descriptor, admission::CountingLimit& limit,
                   Accepted accepted)
    : clients_{clients}, limit_{limit}, accepted_{std::move(accepted)} {
    socket_.open(clients.io.reactor, descriptor, core::kReadable);
    if (socket_.hung_up())
        throw std::runtime_error{"the kernel watches no more sockets, not even one to listen on"};
}

void Acceptor::start() {
    accept_all();
}

void Acceptor::Ready::woken(core::Waiter& self, core::Wake /*wake*/) {
    static_cast<Ready&>(self).acceptor.accept_all();
}

void Acceptor::resume() {
    if (paused_ && socket_.is_open()) accept_all();
}

void Acceptor::accept_all() {
    // A connection may close while it is served for the first time here, and resume us: not twice
    // at once.
    if (accepting_ || ready_.waiting()) return;
    accepting_ = true;
    paused_ = false;
    // 64 at a time, so that a flood of connections does not starve those that are being served.
    int accepted = 0;
    while (accepted < 64 && accept_one())
        ++accepted;
    accepting_ = false;
    if (paused_ || !socket_.is_open()) return;
    if (socket_.ready(core::kReadable)) {
        clients_.io.reactor.yield(ready_);
    } else {
        ready_.start(clients_.io.reactor, socket_, core::kReadable, nullptr, 0, core::kNever);
    }
}

bool Acceptor::accept_one() {
    auto permit = limit_.try_acquire();
    if (!permit) {
        paused_ = true;
        return false;
    }
    Address address;
    auto size = static_cast<unsigned>(address.capacity());
    int error = 0;
    int const descriptor =
        platform::accept_connection(socket_.descriptor(), address.data(), size, error);
    if (descriptor >= 0) {
        address.resize(size);
        if (accepted_since_refusal_ >= 0) ++accepted_since_refusal_;
        accepted_(descriptor, peer_of(address, clients_.pipeline.trusted()), std::move(*permit));
        return true;
    }
    switch (error) {
    case EAGAIN:
        socket_.not_ready(core::kReadable);
        return false;
    case ECONNABORTED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case EINTR:
    case ENETDOWN:
    case ENETUNREACH:
    case EPERM:
    case EPROTO:
        return true;  // this one connection failed (accept(2)): the next
    default:  // out of descriptors or memory, or what trying again at once would not mend either
        paused_ = true;
        log_pause(error);
        return false;
    }
}

void Acceptor::refuse_new() {
    accepted_since_refusal_ = 0;
    if (socket_.is_open()) platform::refuse_new_connections(socket_.descriptor());
}

void Acceptor::close_when_empty() {
    if (!socket_.is_open()) return;
    ready_.stop();
    accept_all();
    // Where nobody can be turned away (unix sockets, Windows) the queue may never be empty. Who was
    // in it first is out of it after as many as it can hold.
    bool const may_hold_more = paused_ || socket_.ready(core::kReadable);
    if (!may_hold_more || accepted_since_refusal_ >= kBacklog) close();
}

void Acceptor::close() {
    ready_.stop();
    socket_.close();
}

}  // namespace reverse_proxy::ingress
