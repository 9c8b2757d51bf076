#pragma once

#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/server/server.hpp"
#include "tests/support/fault_origin.hpp"
#include "tests/support/metrics_text.hpp"
#include "tests/support/raw_client.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace reverse_proxy::test_support {

/// `http://host:port[/prefix]` as the settings table would have read it.
config::UpstreamUrl upstream_at(std::string const& host, std::uint16_t port,
                                std::string const& prefix = "");
config::UpstreamUrl upstream_at(FaultOrigin const& origin);

/// The real Server on a thread of this process: two workers, one listener on a free port of
/// 127.0.0.1, the contract's defaults for all the rest, save that a retry waits at most 2 ms.
///
/// The destructor stops it, at once if need be; a server that does not end within the bound ends
/// the test process. Used by the test's thread alone, except for `stop`.
class ProxyFixture {
public:
    using Adjust = std::function<void(config::Settings&)>;

    /// @param lookup  resolves the upstreams' names on the server's thread; none: the system
    explicit ProxyFixture(std::vector<config::UpstreamUrl> upstreams, Adjust const& adjust = {},
                          upstream::Lookup lookup = {});
    explicit ProxyFixture(FaultOrigin const& origin, Adjust const& adjust = {});
    ~ProxyFixture();
    ProxyFixture(ProxyFixture const&) = delete;
    ProxyFixture& operator=(ProxyFixture const&) = delete;

    [[nodiscard]] std::uint16_t port(std::size_t index = 0) const { return ports_.at(index); }
    [[nodiscard]] std::uint16_t admin_port() const;

    /// A new connection to the main listener.
    [[nodiscard]] RawClient client(SocketOptions const& options = {}) const;
    /// One request on a connection of its own.
    Response send(std::string_view request) const;
    Response get(std::string_view target, FieldList const& fields = {}) const;
    /// The same, the request telling a FaultOrigin what to do.
    Response get_with_fault(std::string const& script) const;

    /// Samples of /metrics, from the admin listener where there is one.
    [[nodiscard]] std::vector<Sample> metrics() const;
    [[nodiscard]] double metric(std::string_view name, Labels const& labels = {}) const;
    /// Scrapes again and again until the sum is `value`; false: it was not within the bound.
    [[nodiscard]] bool wait_for_metric(std::string_view name, Labels const& labels, double value,
                                       Deadline deadline = within()) const;

    /// As SIGTERM.
    void stop() { server_->stop(); }
    /// @return what run() returned, or -1 where it has not within the bound
    int wait_exit(Deadline deadline = within());

private:
    std::unique_ptr<server::Server> server_;
    std::vector<std::uint16_t> ports_;
    std::vector<std::uint16_t> admin_ports_;
    std::shared_future<int> exit_code_;
    std::thread thread_;
};

/// Content of a problem+json answer; throws where it is none.
struct Problem {
    std::string type;
    std::string title;
    std::string request_id;
    unsigned status{0};
};
Problem problem_of(Response const& response);

}  // namespace reverse_proxy::test_support
