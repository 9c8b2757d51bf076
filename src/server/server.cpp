#include "reverse_proxy/server/server.hpp"

#include "reverse_proxy/admin/status_report.hpp"
#include "reverse_proxy/config/command_line.hpp"
#include "reverse_proxy/config/exit_code.hpp"
#include "reverse_proxy/config/settings_report.hpp"
#include "reverse_proxy/core/pipe.hpp"
#include "reverse_proxy/ingress/listener.hpp"
#include "reverse_proxy/platform/process.hpp"
#include "reverse_proxy/platform/service_manager.hpp"
#include "reverse_proxy/platform/stop_requests.hpp"
#include "reverse_proxy/server/supervision.hpp"
#include "reverse_proxy/server/worker.hpp"
#include "reverse_proxy/telemetry/log.hpp"
#include "reverse_proxy/telemetry/metrics_exporter.hpp"
#include "reverse_proxy/telemetry/trace_exporter.hpp"
#include "reverse_proxy/telemetry/traffic_history.hpp"
#include "reverse_proxy/upstream/endpoint_directory.hpp"
#include "reverse_proxy/upstream/health_prober.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdlib>
#include <optional>
#include <system_error>

namespace reverse_proxy::server {

namespace asio = boost::asio;
using telemetry::log;
using telemetry::LogLevel;

namespace {

/// Descriptors that the process needs beside those of client connections: each exchange may hold an
/// upstream connection, each worker pipes, an event queue and listening sockets.
std::uint64_t descriptors_wanted(config::Settings const& settings, unsigned workers) {
    constexpr std::uint64_t kOfAWorker = 2 * core::PipePool::kMostPipes + 32;
    return settings.listener.max_connections + settings.client.max_in_flight +
           workers * kOfAWorker + pipeline::kMostAdminConnections + 64;
}

/// Between two looks at what is looked at by the clock.
constexpr std::chrono::seconds kTick{1};

telemetry::Collector collector_of(config::TraceSettings const& settings) {
    config::UpstreamUrl const& url = settings.otlp_endpoint;
    telemetry::Collector collector{url.host, url.port, url.authority, url.prefix, {}};
    if (collector.path.empty()) collector.path = "/v1/traces";  // OTLP's own
    for (auto const& field : settings.otlp_headers)
        collector.fields.emplace_back(field.name, field.value);
    return collector;
}

std::string join(std::vector<std::string> const& parts) {
    std::string text;
    for (std::string const& part : parts)
        text += (text.empty() ? "" : ",") + part;
    return text;
}

}  // namespace

/// The control thread's part: signals, drain, name look-ups, health probes, rendering of
/// /metrics and /status.json.
class Server::Control {
public:
    Control(config::Settings const& settings, upstream::Lookup lookup);
    int run();
    void stop() {
        asio::post(io_, [this] { stop_requested(); });
    }
    std::vector<ingress::Listener> listeners;
    std::vector<ingress::Listener> admin_listeners;

private:
    void listen();
    void start_workers();
    void hand_out(std::vector<ingress::Listener>& from, bool admin_only);
    void serve();
    void stop_requested();
    void begin_drain();
    void grace_ended();
    void worker_drained();
    void worker_stopped();
    void stop_workers();
    void supervise();
    void tick();
    void endpoints_changed(balancing::EndpointList const& endpoints);
    void log_start() const;
    [[nodiscard]] telemetry::ProcessView view() const;
    [[nodiscard]] std::string status() const;
    void render(unsigned worker, admin::Report report, std::function<void(std::string)> done);

    config::Settings settings_;
    upstream::Lookup lookup_;
    unsigned worker_count_;
    std::uint64_t descriptors_wanted_;
    std::uint64_t descriptors_;  // that the system allows
    asio::io_context io_{1};
    std::optional<platform::StopRequests> from_system_;  // once it runs
    asio::steady_timer drain_timer_{io_};
    asio::steady_timer tick_timer_{io_};
    platform::ServiceManager manager_;
    Supervision supervision_{io_, [this](auto lines) { return manager_.tell(lines); },
                             manager_.watchdog()};
    pipeline::SharedState shared_;
    std::shared_ptr<telemetry::LabelSets> label_sets_{std::make_shared<telemetry::LabelSets>()};
    std::unique_ptr<telemetry::TraceExporter> traces_;  // null where nothing is exported
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<telemetry::MetricsExporter> exporter_;
    std::unique_ptr<telemetry::TrafficHistory> history_;  // none where no status page is served
    std::unique_ptr<upstream::EndpointDirectory> directory_;
    std::unique_ptr<upstream::HealthProber> prober_;
    core::TimePoint const started_{core::Clock::now()};
    unsigned ticks_{0};
    unsigned stop_requests_{0};
    unsigned drained_{0};
    unsigned running_{0};  // workers whose threads were started
    unsigned stopped_{0};
    std::size_t cut_{0};
    int exit_code_{config::exit_code::kClean};
};

Server::Control::Control(config::Settings const& settings, upstream::Lookup lookup)
    : settings_{settings}, lookup_{std::move(lookup)},
      worker_count_{settings.listener.workers != 0 ? settings.listener.workers
                                                   : platform::processors_allowed()},
      descriptors_wanted_{descriptors_wanted(settings, worker_count_)},
      descriptors_{platform::raise_descriptor_limit(descriptors_wanted_)},
      shared_{settings.client.max_in_flight, settings.listener.max_connections,
              settings.retry.budget_percent, core::Clock::now()} {
    listen();
    start_workers();
}

void Server::Control::listen() {
    for (auto const& address : settings_.listener.listen)
        listeners.emplace_back(address, worker_count_);
    for (auto const& address : settings_.listener.admin_listen)
        admin_listeners.emplace_back(address, worker_count_);
}

/// Makes the workers and hands them their sockets; their threads start with run().
void Server::Control::start_workers() {
    if (settings_.traces.enabled()) {
        traces_ = std::make_unique<telemetry::TraceExporter>(collector_of(settings_.traces),
                                                             settings_.telemetry.access_log_query,
                                                             std::string{config::version()});
    }
    std::vector<telemetry::MetricsShard const*> shards;
    for (unsigned index = 0; index < worker_count_; ++index) {
        workers_.push_back(std::make_unique<Worker>(Worker::Parts{
            .index = index,
            .settings = settings_,
            .shared = shared_,
            .label_sets = label_sets_,
            .report_source = [this, index](admin::Report report,
                                           auto done) { render(index, report, std::move(done)); },
            .spans = traces_ ? traces_->make_recorder() : nullptr,
            .on_drained = [this] { asio::post(io_, [this] { worker_drained(); }); },
            .on_stopped =
                [this](std::size_t cut) {
                    asio::post(io_, [this, cut] {
                        cut_ += cut;
                        worker_stopped();
                    });
                }}));
        shards.push_back(&workers_.back()->metrics());
    }
    hand_out(listeners, false);
    hand_out(admin_listeners, true);
    if (settings_.has_status_page()) history_ = std::make_unique<telemetry::TrafficHistory>(shards);
    exporter_ =
        std::make_unique<telemetry::MetricsExporter>(std::move(shards), [this] { return view(); });
}

/// To each worker its socket, or to the first one a socket for all.
void Server::Control::hand_out(std::vector<ingress::Listener>& from, bool admin_only) {
    std::vector<Worker*> all;
    for (auto const& worker : workers_)
        all.push_back(worker.get());
    for (auto& listener : from) {
        auto const sockets = listener.take();
        if (sockets.size() == 1) workers_.front()->listen(sockets.front(), admin_only, all);
        for (std::size_t i = 0; sockets.size() > 1 && i < sockets.size(); ++i)
            all[i]->listen(sockets[i], admin_only, {all[i]});
    }
}

int Server::Control::run() {
    log_start();
    if (descriptors_ < descriptors_wanted_) {
        log(LogLevel::warn,
            "fewer descriptors allowed than MAX_CONNECTIONS and MAX_IN_FLIGHT may need",
            {{"allowed", std::to_string(descriptors_)},
             {"needed", std::to_string(descriptors_wanted_)}});
    }
    prober_ = std::make_unique<upstream::HealthProber>(io_, settings_.health, shared_.rotation,
                                                       shared_.transitions);
    directory_ = std::make_unique<upstream::EndpointDirectory>(
        io_, upstream::EndpointDirectory::Parts{
                 .upstream = settings_.upstream,
                 .breaker = settings_.breaker,
                 .workers = worker_count_,
                 .rotation = shared_.rotation,
                 .on_change = [this](auto const& list) { endpoints_changed(list); },
                 .lookup = lookup_});
    if (traces_) traces_->start();
    from_system_.emplace(io_, [this] { stop_requested(); });
    tick();
    directory_->start([this] { serve(); });
    try {
        io_.run();
    } catch (std::exception const& error) {
        // Nobody is left to stop the workers.
        log(LogLevel::error, "cannot go on", {{"error", error.what()}});
        static_cast<void>(telemetry::stop_logging());
        std::_Exit(config::exit_code::kFailure);
    }
    for (auto const& worker : workers_)
        worker->join();
    if (traces_) traces_->stop();
    directory_->stop();
    prober_->stop();
    log(cut_ > 0 ? LogLevel::warn : LogLevel::info,
        cut_ > 0 ? "stopped, requests were cut" : "stopped", {{"cut", std::to_string(cut_)}});
    return exit_code_;
}

/// The names have been looked up for the first time.
void Server::Control::serve() {
    if (stop_requests_ > 1) return;
    endpoints_changed(directory_->endpoints());
    try {
        for (auto const& worker : workers_) {
            worker->start();
            ++running_;
        }
    } catch (std::system_error const& error) {
        log(LogLevel::error, "a worker's thread cannot be started", {{"error", error.what()}});
        exit_code_ = config::exit_code::kFailure;
        stop_workers();
        return;
    }
    supervise();
    log(LogLevel::info, "serving");
}

void Server::Control::supervise() {
    std::vector<Supervision::Post> workers;
    for (auto const& worker : workers_)
        workers.emplace_back([&worker](auto work) { worker->post(std::move(work)); });
    supervision_.watch(std::move(workers));
}

void Server::Control::log_start() const {
    std::vector<std::string> listen;
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        config::ListenAddress address = settings_.listener.listen[i];
        address.port = listeners[i].port();
        listen.push_back(address.text());
    }
    std::vector<std::string> upstreams;
    for (auto const& upstream : settings_.upstream.upstreams)
        upstreams.push_back(upstream.text());
    log(LogLevel::info, "starting",
        {{"version", std::string{config::version()}},
         {"listen", join(listen)},
         {"workers", std::to_string(worker_count_)},
         {"upstreams", join(upstreams)},
         {"not_default", join(config::changed_settings(settings_))},
         {"descriptors", std::to_string(descriptors_)}});
}

void Server::Control::endpoints_changed(balancing::EndpointList const& endpoints) {
    shared_.no_address.store(directory_->failure_when_empty(), std::memory_order_relaxed);
    if (settings_.health.enabled) prober_->set_endpoints(endpoints);
    for (auto const& worker : workers_)
        worker->set_endpoints(endpoints);
}

/// About once a second: what is looked at by the clock and not by an event.
void Server::Control::tick() {
    core::TimePoint const now = core::Clock::now();
    exporter_->rotate(now);
    constexpr unsigned kTicksOfStep = telemetry::TrafficHistory::kStep / kTick;
    if (history_ && ticks_++ % kTicksOfStep == 0) history_->sample(now, view());
    shared_.no_address.store(directory_->failure_when_empty(), std::memory_order_relaxed);
    tick_timer_.expires_at(now + kTick);
    tick_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error) tick();
    });
}

void Server::Control::stop_requested() {
    if (++stop_requests_ == 1) {
        log(LogLevel::info, "draining",
            {{"delay_seconds", std::to_string(settings_.shutdown.delay.count())},
             {"grace_seconds", std::to_string(settings_.shutdown.grace.count())}});
        shared_.draining.store(true, std::memory_order_relaxed);
        supervision_.stopping(settings_.shutdown);
        drain_timer_.expires_after(settings_.shutdown.delay);
        drain_timer_.async_wait([this](boost::system::error_code const& error) {
            if (!error) begin_drain();
        });
    } else if (stop_requests_ == 2) {
        log(LogLevel::warn, "second stop request, stopping at once");
        exit_code_ = config::exit_code::kFailure;
        shared_.cutting.store(true, std::memory_order_relaxed);
        stop_workers();
    }
}

void Server::Control::begin_drain() {
    for (auto const& worker : workers_)
        worker->drain();
    drain_timer_.expires_after(settings_.shutdown.grace);
    drain_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error) grace_ended();
    });
}

void Server::Control::grace_ended() {
    shared_.cutting.store(true, std::memory_order_relaxed);
    for (auto const& worker : workers_) {
        worker->cut(
            [this](std::size_t in_work) { asio::post(io_, [this, in_work] { cut_ += in_work; }); });
    }
    // What was cut ends by itself within a tick or two; nothing may hold the process longer than
    // that.
    drain_timer_.expires_after(std::chrono::seconds{1});
    drain_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error) stop_workers();
    });
}

void Server::Control::worker_drained() {
    if (++drained_ == worker_count_) stop_workers();
}

void Server::Control::stop_workers() {
    drain_timer_.cancel();
    for (auto const& worker : workers_)
        worker->stop();
    if (running_ == 0) io_.stop();
}

void Server::Control::worker_stopped() {
    if (++stopped_ == running_) io_.stop();
}

void Server::Control::render(unsigned worker, admin::Report report,
                             std::function<void(std::string)> done) {
    asio::post(io_, [this, worker, report, done = std::move(done)] {
        std::string text =
            report == admin::Report::metrics ? exporter_->render(core::Clock::now()) : status();
        workers_[worker]->post([done, text = std::move(text)] { done(text); });
    });
}

std::string Server::Control::status() const {
    core::TimePoint const now = core::Clock::now();
    return admin::status_json({.now = std::chrono::system_clock::now(),
                               .uptime = now - started_,
                               .process = view(),
                               .traffic = history_->report(now),
                               .transitions = shared_.transitions.latest()});
}

telemetry::ProcessView Server::Control::view() const {
    telemetry::ProcessView view;
    view.in_flight = shared_.in_flight.in_use();
    view.in_flight_limit = shared_.in_flight.limit();
    view.draining = shared_.draining.load(std::memory_order_relaxed);
    view.fail_open = shared_.rotation.failing_open.load(std::memory_order_relaxed);
    if (traces_) view.spans = traces_->counts();
    core::TimePoint const now = core::Clock::now();
    for (auto const& endpoint : directory_->endpoints()) {
        telemetry::EndpointView& shown = view.endpoints.emplace_back();
        shown.label = endpoint->label;
        for (auto const& cells : endpoint->cells)
            shown.cells.push_back(&cells);
        shown.healthy = endpoint->healthy.load(std::memory_order_relaxed);
        shown.eligible = endpoint->eligible(view.fail_open, now);
        shown.breaker_state = static_cast<unsigned>(endpoint->breaker.state(now));
        for (auto const state :
             {balancing::BreakerState::closed, balancing::BreakerState::half_open,
              balancing::BreakerState::open}) {
            shown.transitions_to[static_cast<unsigned>(state)] =
                endpoint->breaker.transitions_to(state);
        }
        shown.probes_ok = endpoint->probes_ok.load(std::memory_order_relaxed);
        shown.probes_failed = endpoint->probes_failed.load(std::memory_order_relaxed);
    }
    return view;
}

Server::Server(config::Settings const& settings, upstream::Lookup lookup)
    : control_{std::make_unique<Control>(settings, std::move(lookup))} {}
Server::~Server() = default;
int Server::run() {
    return control_->run();
}
void Server::stop() {
    control_->stop();
}

namespace {

std::vector<std::uint16_t> ports_of(std::vector<ingress::Listener> const& listeners) {
    std::vector<std::uint16_t> ports;
    ports.reserve(listeners.size());
    for (auto const& listener : listeners)
        ports.push_back(listener.port());
    return ports;
}

}  // namespace

std::vector<std::uint16_t> Server::ports() const {
    return ports_of(control_->listeners);
}
std::vector<std::uint16_t> Server::admin_ports() const {
    return ports_of(control_->admin_listeners);
}

}  // namespace reverse_proxy::server
