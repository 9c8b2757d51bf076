#pragma once

#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/ingress/acceptor.hpp"
#include "reverse_proxy/pipeline/pipeline.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace reverse_proxy::server {

/// All that one processor owns: its thread, its event loop, listening sockets, connections,
/// metrics. Workers share nothing but pipeline::SharedState and the endpoints; others reach one by
/// post() alone.
class Worker {
public:
    struct Parts {
        unsigned index;
        config::Settings const& settings;
        pipeline::SharedState& shared;
        std::shared_ptr<telemetry::LabelSets> label_sets;
        pipeline::ReportSource report_source;
        std::unique_ptr<telemetry::SpanRecorder> spans;  // null: no request makes spans
        // Each called once, on the worker's thread.
        std::function<void()> on_drained;
        /// With the number of exchanges that the end itself has cut.
        std::function<void(std::size_t)> on_stopped;
    };

    explicit Worker(Parts parts);
    ~Worker();
    Worker(Worker const&) = delete;
    Worker& operator=(Worker const&) = delete;

    /// Before start(): a listening socket that the worker owns from now on. Its connections go to
    /// these workers in turn, of which this one is the first; all must outlive it.
    void listen(int descriptor, bool admin_only, std::vector<Worker*> serving);
    void start();
    void join();

    // Any thread; carried out on the worker's.
    void post(std::function<void()> work);
    void set_endpoints(balancing::EndpointList endpoints);
    /// Refuses new connections, closes idle ones, calls on_drained once none is left.
    void drain();
    /// Cuts what is still in work. `report` gets the number, on the worker's thread.
    void cut(std::function<void(std::size_t)> report);
    /// Ends everything; on_stopped tells when join() will not wait any more.
    void stop();

    [[nodiscard]] telemetry::MetricsShard const& metrics() const { return metrics_; }

private:
    void serve(int descriptor, modifiers::Peer peer, bool admin_only,
               admission::CountingLimit::Permit permit);
    void tick(core::TimePoint now);
    void check_drained();
    void end_connections(unsigned rounds);

    Parts parts_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    core::WorkerIo io_;
    telemetry::MetricsShard metrics_;
    upstream::Client client_;
    pipeline::Pipeline pipeline_;
    ingress::Clients clients_;
    std::vector<std::unique_ptr<ingress::Acceptor>> acceptors_;
    std::vector<std::unique_ptr<ingress::Acceptor>> admin_acceptors_;
    std::thread thread_;
    unsigned ticks_{0};
    unsigned drain_ticks_{0};
    bool cut_{false};            // by cut()
    std::size_t cut_at_end_{0};  // by stop()
    bool draining_{false};
    bool drained_{false};
};

}  // namespace reverse_proxy::server
