#include "tests/fuzz/proxy_rig.hpp"

#include "tests/fuzz/memory_network.hpp"

#include <chrono>

namespace reverse_proxy::fuzz {
namespace {

config::Settings rig_settings() {
    config::Settings settings;
    // Nothing here is about time: what waits is ended by the client's or the origin's close.
    constexpr std::chrono::minutes kLong{10};
    settings.client.header_timeout = settings.client.idle_timeout = kLong;
    settings.upstream.request_timeout = settings.upstream.stream_idle_timeout = kLong;
    settings.upstream.idle_timeout = settings.upstream.connect_timeout = kLong;
    settings.upstream.max_header_bytes = 4096;
    settings.retry.max_attempts = ProxyRig::kAttempts;
    settings.retry.backoff_base = settings.retry.backoff_max = std::chrono::milliseconds{0};
    settings.retry.budget_percent = 100;  // no bound but the attempts
    settings.telemetry.access_log = false;
    return settings;
}

}  // namespace

ProxyRig::ProxyRig()
    : settings_{rig_settings()}, shared_{settings_.client.max_in_flight, 1,
                                         settings_.retry.budget_percent, core::Clock::now()},
      metrics_{std::make_shared<telemetry::LabelSets>()},
      client_{io_,
              {settings_.upstream, settings_.retry, false, 0},
              {shared_.rotation, shared_.budget, shared_.no_address, shared_.cutting,
               shared_.transitions},
              metrics_},
      pipeline_{
          io_,     settings_,
          shared_, metrics_,
          client_, [](admin::Report /*report*/, auto const& done) { done("requests_total 1\n"); }},
      clients_{.io = io_,
               .settings = settings_.client,
               .upstream = settings_.upstream,
               .pipeline = pipeline_,
               .metrics = metrics_,
               .on_closed = [] {}} {
    io_.reactor.start([](core::TimePoint) {});
}

int ProxyRig::connect(RigChoices const& choices) {
    settings_.client.stream_threshold_bytes = choices.small_threshold ? 16 : 4096;
    settings_.client.max_header_bytes = choices.small_heads ? 256 : 4096;
    settings_.client.max_header_count = choices.small_heads ? 6 : 64;
    settings_.client.max_body_bytes = choices.small_content ? 64 : 0;
    settings_.client.stream_large_bodies = choices.stream_large;
    settings_.telemetry.expose_debug_headers = choices.debug_fields;
    shared_.draining = choices.draining;

    auto endpoint = std::make_shared<balancing::Endpoint>(
        balancing::CircuitBreaker::Config{.enabled = false}, 1);
    endpoint->label = "127.0.0.1:81";
    endpoint->url = "http://127.0.0.1:81";
    endpoint->authority = kAuthority;
    endpoint->prefix = choices.prefix;
    endpoint->address = {boost::asio::ip::make_address_v4("127.0.0.1"), 81};
    client_.set_endpoints({endpoint});

    modifiers::Peer peer;
    peer.address = boost::asio::ip::make_address_v4(kPeer);
    peer.text = kPeer;
    peer.trusted = choices.trusted_peer;
    auto const pair = memory_network().make_pair();
    ingress::Connection::serve(clients_, pair.near, peer, false,
                               *shared_.connections.try_acquire());
    return pair.far;
}

void ProxyRig::settle() {
    while (context_.poll() != 0) {
    }
}

void ProxyRig::settle_until(std::function<bool()> const& done) {
    auto const give_up = core::Clock::now() + std::chrono::seconds{1};
    for (settle(); !done() && core::Clock::now() < give_up; settle())
        context_.run_one_for(std::chrono::milliseconds{1});
}

bool ProxyRig::wound_up() {
    auto const nothing_left = [this] {
        return clients_.count == 0 && shared_.in_flight.in_use() == 0 &&
               shared_.connections.in_use() == 0;
    };
    settle_until(nothing_left);
    return nothing_left();
}

void ProxyRig::forget_endpoint() {
    client_.set_endpoints({});
    settle();
    io_.buffers.trim();
}

}  // namespace reverse_proxy::fuzz
