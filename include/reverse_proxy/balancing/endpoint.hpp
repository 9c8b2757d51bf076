#pragma once

#include "reverse_proxy/balancing/circuit_breaker.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace reverse_proxy::balancing {

/// One address:port that an upstream URL stands for, with the state that all workers share.
/// Made by the control thread; the fixed part is read by any thread, the atomics say who writes
/// them.
struct Endpoint {
    Endpoint(CircuitBreaker::Config const& breaker_config, unsigned workers)
        : breaker{breaker_config}, cells(workers) {}

    /// Whether requests may go there, as the admin endpoints show it.
    /// @param failing_open  Rotation::failing_open
    [[nodiscard]] bool eligible(bool failing_open, core::TimePoint now) const {
        return (healthy.load(std::memory_order_relaxed) || failing_open) &&
               breaker.state(now) != BreakerState::open;
    }

    std::string label;      // `127.0.0.1:9000`, with the prefix where there is one;
                            // `name:9000@10.0.0.5` for a name
    std::string url;        // `http://127.0.0.1:9000/prefix`
    std::string authority;  // goes into Host
    std::string prefix;     // "" or "/x"
    boost::asio::ip::tcp::endpoint address;

    std::atomic<bool> healthy{true};          // written by the health prober (control thread)
    std::atomic<std::uint64_t> probes_ok{0};  // control thread
    std::atomic<std::uint64_t> probes_failed{0};
    CircuitBreaker breaker;                       // any worker
    std::vector<telemetry::EndpointCells> cells;  // cells[w]: worker w alone writes
};

using EndpointList = std::vector<std::shared_ptr<Endpoint>>;

}  // namespace reverse_proxy::balancing
