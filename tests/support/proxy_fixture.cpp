#include "tests/support/proxy_fixture.hpp"

#include "tests/support/os.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace reverse_proxy::test_support {
namespace {

config::Settings settings_for(std::vector<config::UpstreamUrl> upstreams,
                              ProxyFixture::Adjust const& adjust) {
    config::Settings settings;
    settings.listener.listen = {config::ListenAddress{"127.0.0.1", 0, ""}};
    settings.listener.workers = 2;
    settings.upstream.upstreams = std::move(upstreams);
    settings.retry.backoff_base = std::chrono::milliseconds{1};
    settings.retry.backoff_max = std::chrono::milliseconds{2};
    if (adjust) adjust(settings);
    return settings;
}

bool is_address(std::string const& host) {
    unsigned char bytes[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

config::UpstreamUrl upstream_at(std::string const& host, std::uint16_t port,
                                std::string const& prefix) {
    config::UpstreamUrl url;
    url.host = host;
    url.port = port;
    url.prefix = prefix;
    url.host_is_address = is_address(host);
    auto const literal = host.find(':') == std::string::npos ? host : "[" + host + "]";
    url.authority = port == 80 ? literal : literal + ":" + std::to_string(port);
    return url;
}

config::UpstreamUrl upstream_at(FaultOrigin const& origin) {
    return upstream_at(origin.address(), origin.port());
}

ProxyFixture::ProxyFixture(FaultOrigin const& origin, Adjust const& adjust)
    : ProxyFixture{std::vector{upstream_at(origin)}, adjust} {}

ProxyFixture::ProxyFixture(std::vector<config::UpstreamUrl> upstreams, Adjust const& adjust,
                           upstream::Lookup lookup)
    : server_{std::make_unique<server::Server>(settings_for(std::move(upstreams), adjust),
                                               std::move(lookup))},
      ports_{server_->ports()}, admin_ports_{server_->admin_ports()} {
    std::packaged_task<int()> run{[server = server_.get()] { return server->run(); }};
    exit_code_ = run.get_future().share();
    thread_ = std::thread{std::move(run)};
}

ProxyFixture::~ProxyFixture() {
    server_->stop();
    server_->stop();
    if (exit_code_.wait_until(within()) != std::future_status::ready) {
        std::fputs("the server did not stop within the bound\n", stderr);
        std::abort();
    }
    thread_.join();
}

std::uint16_t ProxyFixture::admin_port() const {
    return admin_ports_.at(0);
}

RawClient ProxyFixture::client(SocketOptions const& options) const {
    return RawClient::tcp(port(), options);
}

Response ProxyFixture::send(std::string_view request) const {
    return client().exchange(request);
}

Response ProxyFixture::get(std::string_view target, FieldList const& fields) const {
    return send(make_request("GET", target, fields));
}

Response ProxyFixture::get_with_fault(std::string const& script) const {
    return get("/fault", {{"X-Fault", script}});
}

std::vector<Sample> ProxyFixture::metrics() const {
    auto scraper = RawClient::tcp(admin_ports_.empty() ? ports_.at(0) : admin_ports_.at(0));
    auto const response = scraper.exchange(make_request("GET", "/metrics"));
    if (response.status != 200) {
        throw std::runtime_error{"/metrics answered " + std::to_string(response.status)};
    }
    return parse_metrics(response.content);
}

double ProxyFixture::metric(std::string_view name, Labels const& labels) const {
    return sum_of(metrics(), name, labels);
}

bool ProxyFixture::wait_for_metric(std::string_view name, Labels const& labels, double value,
                                   Deadline deadline) const {
    // Each scrape waits for an answer, so this does not spin; there is no other way to see a
    // counter from outside.
    while (metric(name, labels) != value) {
        if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
}

int ProxyFixture::wait_exit(Deadline deadline) {
    return exit_code_.wait_until(deadline) == std::future_status::ready ? exit_code_.get() : -1;
}

Problem problem_of(Response const& response) {
    if (response.field("Content-Type") != "application/problem+json") {
        throw std::runtime_error{"not problem+json: " + response.field("Content-Type")};
    }
    auto const json = nlohmann::json::parse(response.content);
    return {json.at("type").get<std::string>(), json.at("title").get<std::string>(),
            json.at("request_id").get<std::string>(), json.at("status").get<unsigned>()};
}

}  // namespace reverse_proxy::test_support
