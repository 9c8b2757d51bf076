#pragma once

#include "reverse_proxy/balancing/endpoint.hpp"
#include "reverse_proxy/balancing/round_robin.hpp"
#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/telemetry/transitions.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace reverse_proxy::upstream {

/// Active health probes (HEALTHCHECK): one GET per endpoint and interval, on a connection of its
/// own, however many workers there are. Class of the control thread, save where said.
///
/// Sets Endpoint::healthy, counts the probes, raises Rotation::eligibility_version, tells in
/// Rotation::next_probe_at when the next one may help, and alone decides and logs
/// Rotation::failing_open. Probes go on while an endpoint is unhealthy and while
/// the proxy drains.
class HealthProber {
public:
    /// @param rotation     outlives `control`, whose handlers may use it after the prober's end
    /// @param transitions  so does it
    HealthProber(boost::asio::io_context& control, config::HealthSettings const& settings,
                 balancing::Rotation& rotation, telemetry::Transitions& transitions,
                 core::Random random = core::Random{});
    /// Stops.
    ~HealthProber();
    HealthProber(HealthProber const&) = delete;
    HealthProber& operator=(HealthProber const&) = delete;

    /// Probes new ones at once, forgets those that are gone; the rest go on in their rhythm.
    void set_endpoints(balancing::EndpointList const& endpoints);
    /// Cancels what is under way. Nothing is written to an endpoint afterwards.
    void stop();

private:
    struct Shared;
    struct Watch;
    std::shared_ptr<Shared> shared_;
};

}  // namespace reverse_proxy::upstream
