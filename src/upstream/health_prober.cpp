#include "reverse_proxy/upstream/health_prober.hpp"

#include "reverse_proxy/balancing/endpoint_health.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/telemetry/log.hpp"
#include "reverse_proxy/upstream/attempt.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace reverse_proxy::upstream {

namespace net = boost::asio;
namespace beast = boost::beast;
using balancing::Endpoint;
using telemetry::LogLevel;

namespace {

constexpr auto kTuple = net::as_tuple(net::use_awaitable);

// Only the head counts, and what of the content came with it; an endpoint cannot make us hold more.
constexpr std::size_t kMaxHeadBytes = 65'536;

struct ProbeResult {
    bool success{false};
    std::string why;
};

char const* name_of(bool healthy) {
    return healthy ? "healthy" : "unhealthy";
}

}  // namespace

/// One endpoint under watch. Its coroutine keeps it alive; `stopped` ends both.
struct HealthProber::Watch {
    Watch(net::io_context& control, std::shared_ptr<Endpoint> watched,
          config::HealthSettings const& settings)
        : endpoint{std::move(watched)}, health{settings.healthy_threshold,
                                               settings.unhealthy_threshold},
          timer{control}, stream{control} {}

    void stop() {
        stopped = true;
        timer.cancel();
        stream.close();
    }

    std::shared_ptr<Endpoint> endpoint;
    balancing::EndpointHealth health;
    net::steady_timer timer;
    beast::tcp_stream stream;
    core::TimePoint next_at{};
    bool stopped{false};
};

/// What outlives the prober until the last coroutine has noticed its end.
struct HealthProber::Shared : std::enable_shared_from_this<Shared> {
    Shared(net::io_context& context, config::HealthSettings const& health,
           balancing::Rotation& shared_rotation, telemetry::Transitions& shared_transitions,
           core::Random source)
        : control{context}, settings{health}, rotation{shared_rotation},
          transitions{shared_transitions}, random{source} {}

    void start(std::shared_ptr<Endpoint> const& endpoint);
    static net::awaitable<void> watch_over(std::shared_ptr<Shared> self,
                                           std::shared_ptr<Watch> watch);
    net::awaitable<ProbeResult> probe(Watch& watch);
    net::awaitable<ProbeResult> read_answer(Watch& watch);
    void record(Watch& watch, ProbeResult const& result);
    void plan_next(Watch& watch);
    void weigh();

    net::io_context& control;
    config::HealthSettings settings;
    balancing::Rotation& rotation;
    telemetry::Transitions& transitions;
    core::Random random;
    std::map<Endpoint const*, std::shared_ptr<Watch>> watches;
};

HealthProber::HealthProber(net::io_context& control, config::HealthSettings const& settings,
                           balancing::Rotation& rotation, telemetry::Transitions& transitions,
                           core::Random random)
    : shared_{std::make_shared<Shared>(control, settings, rotation, transitions, random)} {}

HealthProber::~HealthProber() {
    stop();
}

void HealthProber::set_endpoints(balancing::EndpointList const& endpoints) {
    auto gone = std::exchange(shared_->watches, {});
    for (auto const& endpoint : endpoints) {
        auto node = gone.extract(endpoint.get());
        if (node)
            shared_->watches.insert(std::move(node));
        else
            shared_->start(endpoint);
    }
    for (auto const& [endpoint, watch] : gone)
        watch->stop();
    shared_->weigh();
}

void HealthProber::stop() {
    for (auto const& [endpoint, watch] : shared_->watches)
        watch->stop();
    shared_->watches.clear();
}

void HealthProber::Shared::start(std::shared_ptr<Endpoint> const& endpoint) {
    auto const watch = std::make_shared<Watch>(control, endpoint, settings);
    watches.emplace(endpoint.get(), watch);
    net::co_spawn(control, watch_over(shared_from_this(), watch),
                  [watch](std::exception_ptr const& error) {
                      if (!error) return;
                      try {
                          std::rethrow_exception(error);
                      } catch (std::exception const& e) {
                          telemetry::log(LogLevel::error, "probing an endpoint ended",
                                         {{"endpoint", watch->endpoint->label}, {"why", e.what()}});
                      }
                  });
}

net::awaitable<void> HealthProber::Shared::watch_over(std::shared_ptr<Shared> self,
                                                      std::shared_ptr<Watch> watch) {
    while (!watch->stopped) {
        self->plan_next(*watch);
        ProbeResult const result = co_await self->probe(*watch);
        if (watch->stopped) break;
        self->record(*watch, result);
        // A probe may take longer than the interval: then the next one is due already.
        watch->timer.expires_at(watch->next_at);
        co_await watch->timer.async_wait(kTuple);
    }
}

/// Counted from one probe's start to the next one's. The jitter keeps endpoints, and several
/// proxies in front of them, out of step.
void HealthProber::Shared::plan_next(Watch& watch) {
    core::Duration const interval = settings.interval;
    auto const spread = static_cast<std::uint64_t>((interval / 5).count());  // 0.9 to 1.1
    auto const drawn = static_cast<core::Duration::rep>(random.below(spread + 1));
    watch.next_at = core::Clock::now() + interval - interval / 10 + core::Duration{drawn};
}

net::awaitable<ProbeResult> HealthProber::Shared::probe(Watch& watch) {
    Endpoint const& endpoint = *watch.endpoint;
    // Set once: it bounds connect, request and answer together.
    watch.stream.expires_after(settings.timeout);
    auto [connect_ec] = co_await watch.stream.async_connect(endpoint.address, kTuple);
    if (connect_ec) {
        watch.stream.close();
        co_return ProbeResult{false, "connect: " + connect_ec.message()};
    }
    beast::http::request<beast::http::empty_body> request;
    request.method(beast::http::verb::get);
    request.target(endpoint.prefix + settings.path);
    request.version(11);
    request.set(beast::http::field::host, endpoint.authority);
    request.set(beast::http::field::user_agent, "reverse-proxy-healthcheck");
    request.set(beast::http::field::connection, "close");
    auto [write_ec, written] = co_await beast::http::async_write(watch.stream, request, kTuple);
    if (write_ec) {
        watch.stream.close();
        co_return ProbeResult{false, "request: " + write_ec.message()};
    }
    ProbeResult result = co_await read_answer(watch);
    watch.stream.close();
    co_return result;
}

net::awaitable<ProbeResult> HealthProber::Shared::read_answer(Watch& watch) {
    constexpr http::HeadLimits kLimits{kMaxHeadBytes, kMaxFields};
    // Read as the head of a response that is relayed: what is understood there is understood here.
    http::HeadScanner scanner{http::HeadScanner::Part::response_head};
    http::ResponseHead head;
    std::string received;
    std::array<char, 4096> piece;
    for (;;) {
        auto const size = http::read_head(received, kLimits, scanner, head);
        if (!size) co_return ProbeResult{false, "answer: " + std::string{size.error().reason}};
        if (*size > 0 && head.status >= 200) {
            auto const framing = http::response_framing(head, false);
            if (!framing)
                co_return ProbeResult{false, "answer: " + std::string{framing.error().reason}};
            co_return ProbeResult{head.status < 400, "status " + std::to_string(head.status)};
        }
        if (*size > 0) {  // interim (RFC 9110, 15.2); the time-out bounds their number
            received.erase(0, *size);
            scanner.reset();
            continue;
        }
        auto [ec, bytes] = co_await watch.stream.async_read_some(net::buffer(piece), kTuple);
        if (ec) co_return ProbeResult{false, "answer: " + ec.message()};
        received.append(piece.data(), bytes);
    }
}

void HealthProber::Shared::record(Watch& watch, ProbeResult const& result) {
    Endpoint& endpoint = *watch.endpoint;
    auto& count = result.success ? endpoint.probes_ok : endpoint.probes_failed;
    count.fetch_add(1, std::memory_order_relaxed);
    if (watch.health.record(result.success)) {
        bool const healthy = watch.health.healthy();
        endpoint.healthy.store(healthy, std::memory_order_relaxed);
        rotation.eligibility_version.fetch_add(1, std::memory_order_release);
        transitions.report(healthy ? LogLevel::info : LogLevel::warn,
                           {telemetry::Transition::Of::health, endpoint.label, name_of(!healthy),
                            name_of(healthy), result.why});
    }
    weigh();
}

/// What follows from the endpoints as a whole: the next probe that may help, and failing open.
void HealthProber::Shared::weigh() {
    core::TimePoint soonest = core::kNever;
    bool any_healthy = false;
    for (auto const& [endpoint, watch] : watches) {
        if (watch->health.healthy())
            any_healthy = true;
        else
            soonest = std::min(soonest, watch->next_at);
    }
    rotation.next_probe_at.store(soonest, std::memory_order_relaxed);

    bool const fail_open = settings.fail_open && !watches.empty() && !any_healthy;
    if (rotation.failing_open.exchange(fail_open, std::memory_order_relaxed) == fail_open) return;
    if (fail_open)
        telemetry::log(LogLevel::warn, "failing open: no endpoint is healthy, requests go to all");
    else
        telemetry::log(LogLevel::info, "no longer failing open: an endpoint is healthy");
}

}  // namespace reverse_proxy::upstream
