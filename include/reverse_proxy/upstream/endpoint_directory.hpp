#pragma once

#include "reverse_proxy/balancing/endpoint.hpp"
#include "reverse_proxy/balancing/round_robin.hpp"
#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/upstream/name_resolver.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace reverse_proxy::upstream {

/// Turns UPSTREAMS into the list of endpoints and keeps it up to date as names change their
/// addresses. Off the request's path: class of the control thread, save where said.
///
/// Each address behind a name is an endpoint of its own. One that stays keeps its object, and with
/// it its health, breaker and counters.
class EndpointDirectory {
public:
    using OnChange = std::function<void(balancing::EndpointList const&)>;
    struct Parts {
        config::UpstreamSettings const& upstream;
        config::BreakerSettings const& breaker;
        unsigned workers;
        balancing::Rotation& rotation;  // outlives every endpoint
        OnChange on_change;             // with the whole new list; only once ready
        Lookup lookup;                  // none: system_lookup
        NameResolver::Timing timing{};
    };

    /// Endpoints of address literals exist from here on.
    EndpointDirectory(boost::asio::io_context& control, Parts parts);
    ~EndpointDirectory();
    EndpointDirectory(EndpointDirectory const&) = delete;
    EndpointDirectory& operator=(EndpointDirectory const&) = delete;

    /// Starts the look-ups. `on_ready` is called once, as soon as each name has been resolved, or
    /// has failed to be (a time-out bounds it); during this call where there are no names.
    void start(std::function<void()> on_ready);
    /// No callback comes after it.
    void stop();

    [[nodiscard]] balancing::EndpointList const& endpoints() const { return endpoints_; }
    /// What a request fails with when endpoints() is empty: dns_error or dns_timeout while no name
    /// has an address, no_endpoint else. Any thread.
    [[nodiscard]] core::FailureKind failure_when_empty() const {
        return failure_when_empty_.load(std::memory_order_relaxed);
    }

private:
    /// One URL of UPSTREAMS.
    struct Upstream {
        config::UpstreamUrl url;
        std::string label;                   // of its endpoints, up to the address behind a name
        Addresses literal;                   // one, where the host is an address
        std::shared_ptr<NameResolver> name;  // else
        std::map<boost::asio::ip::address, std::shared_ptr<balancing::Endpoint>> endpoints;
    };

    void add(config::UpstreamUrl const& url);
    std::shared_ptr<NameResolver> name_of(std::string const& host);
    void name_answered(std::size_t index, bool changed);
    void list_endpoints();
    [[nodiscard]] std::shared_ptr<balancing::Endpoint>
    make_endpoint(Upstream const& upstream, boost::asio::ip::address const& address) const;
    [[nodiscard]] core::FailureKind failure_now() const;

    boost::asio::io_context& control_;
    Lookup lookup_;
    NameResolver::Timing timing_;
    balancing::CircuitBreaker::Config breaker_;
    unsigned workers_;
    OnChange on_change_;
    std::vector<Upstream> upstreams_;
    std::vector<std::shared_ptr<NameResolver>> names_;
    std::vector<bool> heard_of_;  // of each of names_, since the start
    std::function<void()> on_ready_;
    bool ready_{false};
    balancing::EndpointList endpoints_;
    std::atomic<core::FailureKind> failure_when_empty_{core::FailureKind::no_endpoint};
};

}  // namespace reverse_proxy::upstream
