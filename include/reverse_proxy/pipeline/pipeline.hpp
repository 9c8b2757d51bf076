#pragma once

#include "reverse_proxy/admin/endpoints.hpp"
#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/task.hpp"
#include "reverse_proxy/core/worker_io.hpp"
#include "reverse_proxy/http/target.hpp"
#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "reverse_proxy/pipeline/downstream.hpp"
#include "reverse_proxy/pipeline/shared_state.hpp"
#include "reverse_proxy/routing/router.hpp"
#include "reverse_proxy/telemetry/access_log.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"
#include "reverse_proxy/upstream/client.hpp"

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace reverse_proxy::pipeline {

/// Renders /metrics or /status.json on the control thread and calls back on the worker's.
using ReportSource = std::function<void(admin::Report, std::function<void(std::string)>)>;

/// One worker's stages, in the order a request meets them. pipeline.cpp is the table of contents of
/// the whole trip.
class Pipeline {
public:
    /// @param spans  takes the spans of sampled requests; null: there are none
    Pipeline(core::WorkerIo& io, config::Settings const& settings, SharedState& shared,
             telemetry::MetricsShard& metrics, upstream::Client& client, ReportSource report_source,
             telemetry::SpanRecorder* spans = nullptr);

    /// Serves one request whose head was read and found sound; returns after the response's last
    /// byte was handed over.
    /// @param head     the worker's; valid until something suspends
    /// @param started  when the head's first byte was seen
    core::Task<> serve(Downstream& downstream, http::RequestHead& head, core::TimePoint started);
    /// Answers a request whose head could not be read (400, 408, 414, 431, 501, ...).
    void refuse(Downstream& downstream, http::RequestHead const& head, core::Failure const& failure,
                core::TimePoint started);
    /// Every 100 ms or so: Date is made anew, waiting log lines go out.
    void tick();
    [[nodiscard]] SharedState& shared() { return shared_; }
    [[nodiscard]] modifiers::TrustedProxies const& trusted() const { return trusted_; }
    /// Value of Date, as of the last tick.
    [[nodiscard]] std::string_view date() const { return date_; }

private:
    struct Exchange;

    std::optional<admin::Report> serve_admin(Exchange& exchange, http::RequestHead const& head,
                                             http::Target const& target);
    core::Task<> serve_report(Exchange& exchange, admin::Report report);
    void respond_locally(Exchange& exchange, http::LocalResponse const& response);
    void answer_as_recipient(Exchange& exchange);
    std::string_view request_id(Exchange& exchange);
    bool admit(Exchange& exchange);
    core::Result<void> check_content(Exchange const& exchange) const;
    bool plan_content(Exchange const& exchange, upstream::Call& call) const;
    core::Task<core::Result<void>> respond(Exchange& exchange, upstream::Client::Exchange& upstream,
                                           upstream::Call& call, http::ResponseHead& head);
    void fail(Exchange& exchange, core::Failure const& failure);
    void answer_failure(Exchange& exchange, core::Failure const& failure);
    core::Duration finish(Exchange& exchange);
    void record_span(Exchange const& exchange, core::TimePoint ended) const;
    [[nodiscard]] std::vector<admin::EndpointStatus> endpoint_status() const;

    core::WorkerIo& io_;
    config::Settings const& settings_;
    SharedState& shared_;
    telemetry::MetricsShard& metrics_;
    upstream::Client& client_;
    ReportSource report_source_;
    admin::Endpoints admin_;
    routing::Router router_;
    modifiers::TrustedProxies trusted_;
    telemetry::SpanRecorder* spans_;
    modifiers::TraceSampling sampling_;
    telemetry::AccessLog access_log_;
    core::Text request_text_;           // of whichever request is being encoded
    http::ResponseHead response_head_;  // of whichever response is between parse and encode
    std::string date_;
    std::time_t date_second_{0};
};

}  // namespace reverse_proxy::pipeline
