#include "reverse_proxy/ingress/connection.hpp"

#include "http1_exchange.hpp"
#include "reverse_proxy/relay/progress.hpp"

#include <algorithm>
#include <memory>

namespace reverse_proxy::ingress {

using core::Failure;
using core::FailureKind;
using core::kReadable;
using core::Task;
using core::Wake;

void Clients::close_idle() {
    for (Connection* connection = first; connection != nullptr;) {
        Connection* const next = connection->next_;
        // A request that has arrived in this moment is still served.
        if (connection->idle_ && connection->socket_.quiet()) {
            connection->socket_.cancel_wait();  // frees the connection
        }
        connection = next;
    }
}

std::size_t Clients::cut() {
    std::size_t in_work = 0;
    for (Connection* connection = first; connection != nullptr;) {
        Connection* const next = connection->next_;
        if (!connection->idle_) ++in_work;
        connection->socket_.cancel_wait();
        connection = next;
    }
    return in_work;
}

Connection::Connection(Clients& clients, int descriptor, modifiers::Peer peer, bool admin_only,
                       admission::CountingLimit::Permit permit)
    : clients_{clients}, in_{clients.io.scratch, clients.io.buffers}, peer_{std::move(peer)},
      permit_{std::move(permit)}, admin_only_{admin_only} {
    // TCP_DEFER_ACCEPT: the first request is mostly there already, so reading is tried at once.
    socket_.open(clients.io.reactor, descriptor, kReadable | core::kWritable);
    next_ = clients.first;
    if (next_ != nullptr) next_->previous_ = this;
    clients.first = this;
    if (!admin_only_) ++clients.count;
    clients.metrics.client_connected();
}

Connection::~Connection() {
    (previous_ != nullptr ? previous_->next_ : clients_.first) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
    if (!admin_only_) --clients_.count;
    clients_.metrics.client_disconnected();
    socket_.close();
    permit_.release();
    clients_.on_closed();
}

void Connection::serve(Clients& clients, int descriptor, modifiers::Peer peer, bool admin_only,
                       admission::CountingLimit::Permit permit) {
    run(new Connection{clients, descriptor, std::move(peer), admin_only, std::move(permit)});
}

core::Detached Connection::run(Connection* self) {
    co_await self->serve_requests();
    delete self;
}

/// Between two requests nothing but this frame is held.
Task<> Connection::serve_requests() {
    // So many requests that had nothing to wait for, then the other connections have their turn.
    constexpr unsigned kRequestsPerTurn = 16;
    unsigned served = 0;
    if (socket_.ready(core::kReset)) co_return;  // the kernel does not watch it
    for (;;) {
        while (in_.empty()) {
            in_.release();
            idle_ = true;
            if (!socket_.ready(kReadable)) {
                core::TimePoint const deadline =
                    clients_.io.reactor.now() + clients_.settings.idle_timeout;
                Wake const wake =
                    co_await core::Wait{clients_.io.reactor, socket_, kReadable, deadline};
                if (wake != Wake::ready) co_return;
                served = 0;
            }
            core::IoResult const result = in_.fill(socket_);
            if (result.status == core::IoResult::Status::end_of_stream ||
                result.status == core::IoResult::Status::failed)
                co_return;
        }
        bool const more = co_await serve_request();
        if (!more) co_return;
        if (++served % kRequestsPerTurn == 0) co_await core::YieldTurn{clients_.io.reactor};
    }
}

/// Reads until the head is whole or the socket is empty. @return the head's size, 0 until it is
/// whole
core::Result<std::size_t> Connection::read_head(http::HeadScanner& scanner) {
    http::HeadLimits const limits{clients_.settings.max_header_bytes,
                                  clients_.settings.max_header_count};
    for (;;) {
        auto const size = http::read_head(in_.data(), limits, scanner, clients_.head);
        if (!size || *size != 0 || !socket_.ready(kReadable)) return size;
        core::IoResult const result = in_.fill(socket_);
        if (result.status == core::IoResult::Status::would_block) return size;
        if (result.status != core::IoResult::Status::ok)
            return Failure{FailureKind::client_gone, "client went away within a head"};
    }
}

Task<bool> Connection::serve_request() {
    core::TimePoint started = clients_.io.reactor.now();  // when its first byte was reported
    http::HeadScanner scanner;
    core::Result<std::size_t> size = read_head(scanner);
    while (size && *size == 0) {
        idle_ = !scanner.begun();  // an empty line begins nothing
        core::TimePoint const deadline =
            started + (idle_ ? clients_.settings.idle_timeout : clients_.settings.header_timeout);
        Wake const wake = co_await core::Wait{clients_.io.reactor, socket_, kReadable, deadline};
        if (wake == Wake::cancelled || (wake == Wake::timed_out && idle_)) co_return false;
        if (wake == Wake::ready) {
            if (idle_) started = clients_.io.reactor.now();
            size = read_head(scanner);
        } else {
            clients_.head.clear();  // another connection's by now
            size =
                Failure{FailureKind::head_timeout, "head not complete in CLIENT_HEADER_TIMEOUT_MS"};
        }
    }
    if (!size && size.error().kind == FailureKind::client_gone) co_return false;
    idle_ = false;

    // From here to the request's encoding nothing suspends: the head refers to the bytes read.
    http::RequestHead& head = clients_.head;
    core::Result<http::Framing> framing{http::Framing{}};
    if (size) {
        framing = http::request_framing(head);
        in_.consume(*size);
    } else {
        framing = size.error();
    }
    bool const sound = framing.has_value();
    Http1Exchange exchange{*this, head, sound ? *framing : http::Framing{}};
    if (sound) {
        co_await clients_.pipeline.serve(exchange, head, started);
    } else {
        exchange.unreadable();
        clients_.pipeline.refuse(exchange, head, framing.error(), started);
    }

    if (!out_.empty() && !exchange.broken() && !co_await flush()) co_return false;
    if (exchange.keep_alive()) co_return true;
    if (exchange.broken()) {
        socket_.reset();
    } else if (!exchange.request_complete() || !in_.empty() || socket_.ready(kReadable)) {
        co_await linger();
    }
    co_return false;
}

/// What is left of an answer, to a client that takes it slowly. @return false where it does not
Task<bool> Connection::flush() {
    relay::Progress progress{clients_.io.reactor, clients_.upstream.stream_idle_timeout};
    while (!out_.empty()) {
        relay::Reader const client{socket_, true};
        Wake const wake = co_await core::Wait{clients_.io.reactor, socket_, core::kWritable,
                                              progress.next_look(progress.deadline(), client)};
        progress.heed(client);
        if (wake == Wake::timed_out && clients_.io.reactor.now() < progress.deadline()) continue;
        if (wake != Wake::ready || out_.flush(socket_) == core::Flow::broken) co_return false;
    }
    co_return true;
}

/// Lets the client read its answer before the connection closes: closing with unread bytes in the
/// kernel's buffer would reset it, and the reset may overtake the answer (RFC 9112, 9.6). Many a
/// client reads only once it has sent all: what it sends is dropped, for as long as nginx would
/// (lingering_time, lingering_timeout).
Task<> Connection::linger() {
    constexpr std::chrono::seconds kLongest{30};
    constexpr std::chrono::seconds kSilence{1};  // once is enough in a drain
    constexpr unsigned kMostSilences = 5;
    constexpr unsigned kReadsPerTurn = 16;
    core::Reactor& reactor = clients_.io.reactor;
    in_.clear();
    socket_.shutdown_send();
    core::TimePoint const end = reactor.now() + kLongest;
    pipeline::SharedState const& shared = clients_.pipeline.shared();
    unsigned silences = 0;
    for (unsigned reads = 1; reactor.now() < end; ++reads) {
        if (shared.cutting.load(std::memory_order_relaxed)) co_return;
        if (!socket_.ready(kReadable)) {
            Wake const wake =
                co_await core::Wait{reactor, socket_, kReadable, reactor.now() + kSilence};
            if (wake == Wake::cancelled) co_return;
            if (wake == Wake::timed_out) {
                bool const draining = shared.draining.load(std::memory_order_relaxed);
                if (draining || ++silences == kMostSilences) co_return;
                continue;
            }
        }
        silences = 0;
        core::IoResult const result = in_.fill(socket_);
        if (result.status == core::IoResult::Status::would_block) continue;
        if (result.status != core::IoResult::Status::ok) co_return;
        in_.clear();
        if (reads % kReadsPerTurn == 0) co_await core::YieldTurn{reactor};
    }
}

}  // namespace reverse_proxy::ingress
