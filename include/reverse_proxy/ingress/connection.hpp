#pragma once

#include "reverse_proxy/admission/in_flight_limit.hpp"
#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/task.hpp"
#include "reverse_proxy/core/worker_io.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "reverse_proxy/pipeline/pipeline.hpp"

#include <cstdint>
#include <functional>
#include <optional>

namespace reverse_proxy::ingress {

class Connection;

/// What all client connections of one worker share, and the list of them.
struct Clients {
    core::WorkerIo& io;
    config::ClientSettings const& settings;
    config::UpstreamSettings const& upstream;  // STREAM_IDLE_TIMEOUT_MS
    pipeline::Pipeline& pipeline;
    telemetry::MetricsShard& metrics;
    /// Called when a connection has ended: a place under MAX_CONNECTIONS and a descriptor are free
    /// again.
    std::function<void()> on_closed;

    http::RequestHead head{};  // of whichever request is between parse and encode
    Connection* first{nullptr};
    std::size_t count{0};  // connections that are open, those of ADMIN_LISTEN apart

    /// Closes connections that wait for their next request.
    void close_idle();
    /// Ends every wait with a cancellation: what is in work is cut.
    /// @return how many exchanges were in work
    std::size_t cut();
};

/// One client connection speaking HTTP/1: the keep-alive loop. One coroutine owns it from accept to
/// close.
class Connection {
public:
    /// Takes the descriptor over and serves it until it ends; frees itself.
    static void serve(Clients& clients, int descriptor, modifiers::Peer peer, bool admin_only,
                      admission::CountingLimit::Permit permit);

    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;

    static void* operator new(std::size_t bytes) { return core::FramePool::allocate(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        core::FramePool::release(memory, bytes);
    }

private:
    friend struct Clients;
    friend class Http1Exchange;

    Connection(Clients& clients, int descriptor, modifiers::Peer peer, bool admin_only,
               admission::CountingLimit::Permit permit);
    ~Connection();

    static core::Detached run(Connection* self);
    core::Task<> serve_requests();
    /// @return whether another request may follow
    core::Task<bool> serve_request();
    core::Result<std::size_t> read_head(http::HeadScanner& scanner);
    core::Task<bool> flush();
    core::Task<> linger();

    Clients& clients_;
    core::Socket socket_;
    core::ReadBuffer in_;
    core::Outbox out_;
    modifiers::Peer peer_;
    admission::CountingLimit::Permit permit_;
    bool admin_only_;
    bool idle_{true};
    Connection* previous_{nullptr};
    Connection* next_{nullptr};
};

}  // namespace reverse_proxy::ingress
