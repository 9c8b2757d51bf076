#pragma once

#include "reverse_proxy/ingress/connection.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <string_view>

namespace reverse_proxy::fuzz {

/// Choices of one input about the proxy.
struct RigChoices {
    bool trusted_peer{false};
    bool draining{false};
    bool small_threshold{false};  // all content of more than 16 bytes is streamed
    bool small_heads{false};
    bool small_content{false};  // MAX_BODY_BYTES of 64
    bool stream_large{true};
    bool debug_fields{false};
    std::string_view prefix;  // of the upstream's path
};

/// One worker without its thread and its listeners: the real connection, pipeline and upstream
/// client on one loop that the caller turns. Made once for all inputs; nothing of an input is left
/// when the next one begins.
class ProxyRig {
public:
    static constexpr std::string_view kAuthority = "origin.test:81";
    static constexpr std::string_view kPeer = "192.0.2.7";
    static constexpr unsigned kAttempts = 2;

    ProxyRig();

    /// Serves a new client; its end of the connection.
    int connect(RigChoices const& choices);
    /// Runs all that can run now.
    void settle();
    /// Runs until nothing of the last client is left; false: something is (an exchange that hangs,
    /// a permit that leaked).
    [[nodiscard]] bool wound_up();
    /// Lets timers that are due now fire, until `done` or for at most a second.
    void settle_until(std::function<bool()> const& done);
    /// Closes idle upstream connections.
    void forget_endpoint();

private:
    boost::asio::io_context context_{1};
    core::WorkerIo io_{context_};
    config::Settings settings_;
    pipeline::SharedState shared_;
    telemetry::MetricsShard metrics_;
    upstream::Client client_;
    pipeline::Pipeline pipeline_;
    ingress::Clients clients_;
};

}  // namespace reverse_proxy::fuzz
