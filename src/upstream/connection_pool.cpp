#include "reverse_proxy/upstream/connection_pool.hpp"

#include "reverse_proxy/platform/sockets.hpp"

#include <cerrno>
#include <utility>

namespace reverse_proxy::upstream {

using core::kHungUp;
using core::kReadable;
using core::kWritable;

Connection::Connection(core::WorkerIo& io, ConnectionPool& owner)
    : in{io.scratch, io.buffers}, pool{owner}, idle_limit{owner.settings_.idle_timeout},
      idle_watch_{*this} {}

void Connection::IdleWatch::ended(core::Waiter& self, core::Wake /*wake*/) {
    // The origin closed it, sent what nobody asked for, or its time is over.
    Connection& connection = static_cast<IdleWatch&>(self).connection;
    connection.pool.unlink(connection);
}

Lease& Lease::operator=(Lease&& other) noexcept {
    if (this != &other) {
        close();
        connection_ = std::move(other.connection_);
    }
    return *this;
}

void Lease::give_back() {
    ConnectionPool& pool = connection_->pool;
    pool.give_back(std::move(connection_));
}

void Lease::close() {
    if (connection_ == nullptr) return;
    connection_->pool.closed(*connection_);
    connection_.reset();
}

ConnectionPool::ConnectionPool(core::WorkerIo& io, std::shared_ptr<balancing::Endpoint> endpoint,
                               unsigned worker, config::UpstreamSettings const& settings)
    : io_{io}, endpoint_{std::move(endpoint)}, cells_{endpoint_->cells[worker]}, settings_{
                                                                                     settings} {}

ConnectionPool::~ConnectionPool() {
    close_idle();
}

void ConnectionPool::closed(Connection& connection) {
    connection.socket.close();
    cells_.connections_active.sub(1);
}

std::unique_ptr<Connection> ConnectionPool::unlink(Connection& connection) {
    (connection.previous_ != nullptr ? connection.previous_->next_ : newest_) = connection.next_;
    if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
    connection.previous_ = connection.next_ = nullptr;
    connection.idle_watch_.stop();
    --idle_;
    cells_.connections_idle.sub(1);
    return std::unique_ptr<Connection>{&connection};
}

Lease ConnectionPool::take(bool careful) {
    while (newest_ != nullptr) {
        Connection& candidate = *newest_;
        if (careful && io_.reactor.now() - candidate.idle_since > std::chrono::seconds{1})
            return {};
        std::unique_ptr<Connection> connection = unlink(candidate);
        if (connection->socket.ready(kReadable | kHungUp) ||
            (careful && !connection->socket.quiet()))
            continue;
        cells_.connections_active.add(1);
        return Lease{std::move(connection)};
    }
    return {};
}

Lease ConnectionPool::start_connect(int& error) {
    auto const& address = endpoint_->address;
    int const descriptor = platform::start_connect(address.data(), address.size(),
                                                   address.address().is_loopback(), error);
    if (descriptor < 0) return {};
    auto connection = std::make_unique<Connection>(io_, *this);
    connection->socket.open(io_.reactor, descriptor, error == 0 ? kWritable : core::Readiness{0});
    if (connection->socket.ready(core::kReset)) {  // not watched, and not the endpoint's fault
        error = ENOBUFS;
        return {};
    }
    cells_.connections_active.add(1);
    return Lease{std::move(connection)};
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
    bool const usable = !retired_ && idle_ < settings_.max_idle && connection->in.empty() &&
                        connection->out.empty() && connection->idle_limit.count() > 0 &&
                        !connection->socket.hung_up() &&
                        (!connection->socket.ready(kReadable) || connection->socket.quiet());
    if (!usable) {
        closed(*connection);
        return;
    }
    cells_.connections_active.sub(1);
    connection->in.release();
    connection->idle_since = io_.reactor.now();
    connection->idle_watch_.start(io_.reactor, connection->socket, kReadable | kHungUp, nullptr, 0,
                                  connection->idle_since + connection->idle_limit);
    connection->next_ = newest_;
    if (newest_ != nullptr) newest_->previous_ = connection.get();
    newest_ = connection.release();
    ++idle_;
    cells_.connections_idle.add(1);
}

void ConnectionPool::close_idle() {
    while (newest_ != nullptr)
        unlink(*newest_);
}

void ConnectionPool::retire() {
    retired_ = true;
    close_idle();
}

}  // namespace reverse_proxy::upstream
