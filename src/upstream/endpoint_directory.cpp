#include "reverse_proxy/upstream/endpoint_directory.hpp"

#include <algorithm>
#include <utility>

namespace reverse_proxy::upstream {

namespace net = boost::asio;

namespace {

// Past REQUEST_TIMEOUT_MS an exchange has ended or sends a long upload; the worker's tick that ends
// it comes up to 0.1 s late. Later than this a probe is not going to report.
constexpr std::chrono::seconds kLeaseBeyondRequest{1};

balancing::CircuitBreaker::Config breaker_config(config::BreakerSettings const& breaker,
                                                 config::UpstreamSettings const& upstream,
                                                 balancing::Rotation& rotation) {
    balancing::CircuitBreaker::Config made;
    made.enabled = breaker.enabled;
    made.failure_threshold = breaker.failure_threshold;
    made.open_duration = breaker.open_duration;
    made.probe_lease = std::max<core::Duration>(breaker.open_duration,
                                                upstream.request_timeout + kLeaseBeyondRequest);
    made.eligibility_version = &rotation.eligibility_version;
    return made;
}

std::string host_and_port(config::UpstreamUrl const& url) {
    bool const v6 = url.host_is_address && url.host.find(':') != std::string::npos;
    return (v6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

}  // namespace

EndpointDirectory::EndpointDirectory(net::io_context& control, Parts parts)
    : control_{control}, lookup_{std::move(parts.lookup)}, timing_{parts.timing},
      breaker_{breaker_config(parts.breaker, parts.upstream, parts.rotation)},
      workers_{parts.workers}, on_change_{std::move(parts.on_change)} {
    for (auto const& url : parts.upstream.upstreams)
        add(url);
    list_endpoints();
}

EndpointDirectory::~EndpointDirectory() {
    stop();
}

void EndpointDirectory::add(config::UpstreamUrl const& url) {
    Upstream upstream;
    upstream.url = url;
    upstream.label = host_and_port(url) + url.prefix;
    // The same URL twice takes two shares of the traffic; labels stay unique.
    auto const same = std::count_if(upstreams_.begin(), upstreams_.end(), [&](auto const& other) {
        return other.url.host == url.host && other.url.port == url.port &&
               other.url.prefix == url.prefix;
    });
    if (same > 0) upstream.label += "#" + std::to_string(same + 1);
    if (url.host_is_address)
        upstream.literal.push_back(net::ip::make_address(url.host));
    else
        upstream.name = name_of(url.host);
    upstreams_.push_back(std::move(upstream));
}

/// One look-up serves every URL with that host.
std::shared_ptr<NameResolver> EndpointDirectory::name_of(std::string const& host) {
    for (auto const& name : names_)
        if (name->host() == host) return name;
    if (!lookup_) lookup_ = system_lookup(control_);
    names_.push_back(std::make_shared<NameResolver>(control_, host, lookup_, timing_));
    return names_.back();
}

void EndpointDirectory::start(std::function<void()> on_ready) {
    if (names_.empty()) {
        ready_ = true;
        on_ready();
        return;
    }
    on_ready_ = std::move(on_ready);
    heard_of_.assign(names_.size(), false);
    for (std::size_t i = 0; i < names_.size(); ++i)
        names_[i]->start([this, i](bool changed) { name_answered(i, changed); });
}

void EndpointDirectory::stop() {
    for (auto const& name : names_)
        name->stop();
}

void EndpointDirectory::name_answered(std::size_t index, bool changed) {
    if (changed) list_endpoints();
    failure_when_empty_.store(failure_now(), std::memory_order_relaxed);
    if (ready_) {
        if (changed) on_change_(endpoints_);
        return;
    }
    heard_of_[index] = true;
    if (!std::all_of(heard_of_.begin(), heard_of_.end(), [](bool heard) { return heard; })) return;
    ready_ = true;
    on_ready_();
}

void EndpointDirectory::list_endpoints() {
    endpoints_.clear();
    for (auto& upstream : upstreams_) {
        decltype(upstream.endpoints) current;
        for (auto const& address : upstream.name ? upstream.name->addresses() : upstream.literal) {
            auto const found = upstream.endpoints.find(address);
            auto endpoint = found != upstream.endpoints.end() ? found->second
                                                              : make_endpoint(upstream, address);
            current.emplace(address, endpoint);
            endpoints_.push_back(std::move(endpoint));
        }
        upstream.endpoints = std::move(current);
    }
}

std::shared_ptr<balancing::Endpoint>
EndpointDirectory::make_endpoint(Upstream const& upstream, net::ip::address const& address) const {
    auto endpoint = std::make_shared<balancing::Endpoint>(breaker_, workers_);
    endpoint->label = upstream.label;
    if (upstream.name) endpoint->label += "@" + address.to_string();
    endpoint->url = upstream.url.text();
    endpoint->authority = upstream.url.authority;
    endpoint->prefix = upstream.url.prefix;
    endpoint->address = {address, upstream.url.port};
    return endpoint;
}

core::FailureKind EndpointDirectory::failure_now() const {
    if (!endpoints_.empty()) return core::FailureKind::no_endpoint;
    for (auto const& name : names_)
        if (auto const failure = name->failure()) return *failure;
    return core::FailureKind::no_endpoint;
}

}  // namespace reverse_proxy::upstream
