#pragma once

#include "reverse_proxy/balancing/endpoint.hpp"
#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/worker_io.hpp"

#include <cstddef>
#include <memory>

namespace reverse_proxy::upstream {

class ConnectionPool;

/// One connection to an endpoint. Owned by its pool while idle, by a Lease while in use.
struct Connection {
    Connection(core::WorkerIo& io, ConnectionPool& owner);

    core::Socket socket;
    core::ReadBuffer in;
    core::Outbox out;
    ConnectionPool& pool;
    core::TimePoint idle_since{};
    core::Duration
        idle_limit;  // UPSTREAM_IDLE_TIMEOUT_MS or less, as the origin's Keep-Alive field said

private:
    friend class ConnectionPool;
    struct IdleWatch : core::Waiter {
        explicit IdleWatch(Connection& watched) : Waiter{&ended}, connection{watched} {}
        static void ended(core::Waiter& self, core::Wake wake);
        Connection& connection;
    };
    IdleWatch idle_watch_;
    Connection* previous_{nullptr};  // in the pool's list
    Connection* next_{nullptr};
};

/// Right to one connection of a pool; closes it unless it was given back.
class Lease {
public:
    Lease() = default;
    explicit Lease(std::unique_ptr<Connection> connection) : connection_{std::move(connection)} {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    Lease(Lease const&) = delete;
    Lease& operator=(Lease const&) = delete;
    ~Lease() { close(); }

    [[nodiscard]] Connection* operator->() const { return connection_.get(); }
    [[nodiscard]] Connection& operator*() const { return *connection_; }
    explicit operator bool() const { return connection_ != nullptr; }
    /// The message was read to its end and nothing is left over: the connection may serve the next
    /// request.
    void give_back();
    void close();

private:
    std::unique_ptr<Connection> connection_;
};

/// The connections of one worker to one endpoint. Idle ones are used last in, first out, watched
/// for the origin's close and dropped after their idle time. Owned by the worker's upstream client;
/// not shared.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
public:
    ConnectionPool(core::WorkerIo& io, std::shared_ptr<balancing::Endpoint> endpoint,
                   unsigned worker, config::UpstreamSettings const& settings);
    ~ConnectionPool();
    ConnectionPool(ConnectionPool const&) = delete;
    ConnectionPool& operator=(ConnectionPool const&) = delete;

    /// An idle connection, or none.
    /// @param careful  for requests that cannot be sent again: only one that was active within the
    /// last second, and the
    ///                 kernel is asked once more whether the origin is still there
    [[nodiscard]] Lease take(bool careful);
    /// A connection that is still to be connected; none where a socket cannot be had (errno tells
    /// why).
    [[nodiscard]] Lease start_connect(int& error);
    void close_idle();
    /// From now on connections that are given back are closed (the endpoint is gone).
    void retire();

    [[nodiscard]] balancing::Endpoint& endpoint() const { return *endpoint_; }
    [[nodiscard]] telemetry::EndpointCells& cells() const { return cells_; }

private:
    friend class Lease;
    friend struct Connection;
    void give_back(std::unique_ptr<Connection> connection);
    void closed(Connection& connection);
    std::unique_ptr<Connection> unlink(Connection& connection);

    core::WorkerIo& io_;
    std::shared_ptr<balancing::Endpoint> endpoint_;
    telemetry::EndpointCells& cells_;
    config::UpstreamSettings const& settings_;
    Connection* newest_{nullptr};
    std::size_t idle_{0};
    bool retired_{false};
};

}  // namespace reverse_proxy::upstream
