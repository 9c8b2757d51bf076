#include "reverse_proxy/pipeline/pipeline.hpp"

#include "reverse_proxy/http/failure_status.hpp"
#include "reverse_proxy/modifiers/response_modifiers.hpp"
#include "reverse_proxy/platform/process.hpp"
#include "reverse_proxy/telemetry/log.hpp"
#include "reverse_proxy/telemetry/stage_clock.hpp"

#include <algorithm>
#include <array>
#include <ctime>

namespace reverse_proxy::pipeline {

using core::Failure;
using core::FailureKind;
using core::Result;
using core::Task;
using http::Framing;
using telemetry::Stage;

namespace {

/// What was turned away at the door, by reason; nothing for failures that came later.
std::optional<telemetry::RejectReason> reject_reason(FailureKind kind) {
    using telemetry::RejectReason;
    switch (kind) {
    case FailureKind::in_flight_limit:
        return RejectReason::in_flight;
    case FailureKind::no_endpoint:
        return RejectReason::no_endpoint;
    case FailureKind::request_malformed:
    case FailureKind::transfer_coding_unknown:
        return RejectReason::malformed;
    case FailureKind::head_too_large:
        return RejectReason::head_too_large;
    case FailureKind::target_too_long:
        return RejectReason::target_too_long;
    case FailureKind::content_too_large:
        return RejectReason::content_too_large;
    case FailureKind::head_timeout:
        return RejectReason::head_timeout;
    case FailureKind::content_timeout:
        return RejectReason::content_timeout;
    case FailureKind::method_not_supported:
        return RejectReason::method;
    default:
        return {};
    }
}

/// A length of 0 is what some clients say with a request to upgrade.
bool has_content(Framing const& framing) {
    return framing.kind == Framing::Kind::chunked ||
           (framing.kind == Framing::Kind::length && framing.length > 0);
}

}  // namespace

/// State of one request on its way through the stages; what the log line and the metrics need at
/// its end.
struct Pipeline::Exchange {
    Exchange(Downstream& client_side, telemetry::MetricsShard& metrics, core::TimePoint first_byte)
        : downstream{client_side}, started{first_byte}, stages{metrics, Stage::read_head,
                                                               first_byte} {}

    Downstream& downstream;
    core::TimePoint started;
    telemetry::StageClock stages;
    std::optional<admission::Permit> permit;
    modifiers::RequestFacts facts;
    http::Method method{http::Method::other};
    unsigned minor_version{1};
    // Slices of the head while nothing has suspended, of the encoded request afterwards.
    std::string_view method_text;
    std::string_view target_text;
    upstream::EncodedRequest const* request{nullptr};  // once it is encoded

    unsigned status{0};
    std::string_view error;  // RFC 9209 type
    std::uint64_t bytes_in{0};
    std::uint64_t bytes_out{0};
    unsigned attempts{0};
    std::string_view upstream;
    core::Duration upstream_latency{0};
};

Pipeline::Pipeline(core::WorkerIo& io, config::Settings const& settings, SharedState& shared,
                   telemetry::MetricsShard& metrics, upstream::Client& client,
                   ReportSource report_source, telemetry::SpanRecorder* spans)
    : io_{io}, settings_{settings}, shared_{shared}, metrics_{metrics}, client_{client},
      report_source_{std::move(report_source)}, admin_{settings.telemetry.metrics_bearer_token,
                                                       settings.has_status_page()},
      trusted_{settings.client.trusted_proxies, settings.client.trust_unix_peers}, spans_{spans},
      sampling_{spans != nullptr, settings.traces.sample_percent},
      access_log_{settings.telemetry.access_log, settings.telemetry.access_log_query,
                  settings.telemetry.log_format == "json"} {
    tick();
}

Task<> Pipeline::serve(Downstream& downstream, http::RequestHead& head, core::TimePoint started) {
    Exchange exchange{downstream, metrics_, started};
    exchange.method = http::method_of(head.method);
    exchange.method_text = head.method;
    exchange.target_text = head.target;
    exchange.minor_version = head.minor_version;
    auto const target = http::parse_target(head.method, head.target);
    if (!target) {
        exchange.target_text = http::behind_user_information(head.target);
        co_return fail(exchange, target.error());
    }
    if (auto host = http::check_host(head, *target); !host) co_return fail(exchange, host.error());
    exchange.target_text = target->path_and_query;

    // The proxy's own endpoints come before admission: they answer under overload.
    if (downstream.admin_only() ||
        (settings_.listener.admin_listen.empty() && admin_.serves(target->path))) {
        auto const report = serve_admin(exchange, head, *target);
        if (report) co_await serve_report(exchange, *report);
        metrics_.was_own(exchange.status, finish(exchange));
        co_return;
    }

    if (!modifiers::may_forward(head)) co_return answer_as_recipient(exchange);

    // Before all else that costs something: a refusal must be cheap.
    exchange.stages.next(Stage::admission);
    if (!admit(exchange)) co_return;
    if (auto sound = check_content(exchange); !sound) co_return fail(exchange, sound.error());

    exchange.stages.next(Stage::routing);
    if (router_.match(*target) == nullptr)
        co_return fail(exchange, {FailureKind::no_endpoint, "no route"});

    // Once for all attempts; from here on the client's own bytes are not looked at again.
    exchange.stages.next(Stage::request_modifiers);
    Framing const& framing = downstream.framing();
    bool const expects_continue = has_content(framing) && http::expects_continue(head);
    modifiers::modify_request(head, *target, downstream.peer(), trusted_, io_.random,
                              exchange.facts, sampling_);
    bool const upgrades = exchange.facts.wants_upgrade && !has_content(framing);
    upstream::EncodedRequest request{
        head, *target,
        upstream::RequestShape{framing, expects_continue,
                               upgrades ? exchange.facts.upgrade.view() : std::string_view{}},
        request_text_, io_.buffers};
    exchange.method_text = request.method();
    exchange.target_text = request.target();
    exchange.request = &request;

    // Small content is read whole before an endpoint is chosen, so that a slow client holds none.
    upstream::Call call;
    call.method = exchange.method;
    call.request = &request;
    call.client = &downstream.socket();
    if (head.minor_version > 0) call.interim = &downstream;
    call.wants_upgrade = upgrades;
    if (exchange.facts.span.sampled) {
        call.spans = spans_;
        call.span = &exchange.facts.span;
    }
    call.streamed = expects_continue;
    if (plan_content(exchange, call)) {
        if (auto received = co_await downstream.receive_whole(); !received)
            co_return fail(exchange, received.error());
        call.content.whole = &downstream.content();
        exchange.bytes_in = framing.length;
    }
    if (!call.streamed) call.deadline = io_.reactor.now() + settings_.upstream.request_timeout;

    // Round-robin, attempts, retries: until a response's head goes to the client.
    call.asked_at = exchange.stages.next(Stage::upstream);
    upstream::Client::Exchange upstream{client_, call};
    Result<void> const answered = co_await upstream.forward(response_head_);
    exchange.attempts = call.attempts;
    exchange.upstream_latency = call.upstream_latency;
    if (call.pool != nullptr) exchange.upstream = call.pool->endpoint().label;
    if (call.streamed) exchange.bytes_in = upstream.bytes_up();
    if (!answered) co_return fail(exchange, answered.error());

    exchange.stages.next(Stage::response_modifiers, call.answered_at);
    Result<void> const relayed = co_await respond(exchange, upstream, call, response_head_);
    if (call.streamed) exchange.bytes_in = upstream.bytes_up();
    upstream.finished(relayed);
    if (!relayed) co_return fail(exchange, relayed.error());
    finish(exchange);
}

void Pipeline::refuse(Downstream& downstream, http::RequestHead const& head, Failure const& failure,
                      core::TimePoint started) {
    Exchange exchange{downstream, metrics_, started};
    exchange.method = http::method_of(head.method);
    exchange.method_text = head.method;
    exchange.target_text = http::behind_user_information(head.target);
    exchange.minor_version = head.minor_version;
    fail(exchange, failure);
}

/// Max-Forwards has run out: this proxy is the recipient (RFC 9110, 7.6.2). TRACE is not answered
/// with an echo, which could show fields that the client's own script must not see.
void Pipeline::answer_as_recipient(Exchange& exchange) {
    if (exchange.method != http::Method::options) {
        fail(exchange, {FailureKind::method_not_supported, "Max-Forwards has run out"});
        return;
    }
    http::LocalResponse response;
    response.fields.emplace_back("Allow", std::string{http::kAllowedMethods});
    respond_locally(exchange, response);
    finish(exchange);
}

/// @return what is yet to be rendered
std::optional<admin::Report> Pipeline::serve_admin(Exchange& exchange,
                                                   http::RequestHead const& head,
                                                   http::Target const& target) {
    std::string_view query =
        target.path_and_query.substr(std::min(target.path.size(), target.path_and_query.size()));
    if (!query.empty()) query.remove_prefix(1);
    admin::State state;
    state.draining = shared_.draining.load(std::memory_order_relaxed);
    state.endpoints = [this] { return endpoint_status(); };
    auto const answer =
        admin_.answer({exchange.method, target.path, query,
                       head.fields.value_of(http::FieldId::authorization), request_id(exchange)},
                      state);
    if (auto const* const report = std::get_if<admin::Report>(&answer)) return *report;
    auto const& response = std::get<http::LocalResponse>(answer);
    exchange.error = response.error;
    respond_locally(exchange, response);
    return {};
}

/// The request's id, made here where the request has not come as far as the modifiers.
std::string_view Pipeline::request_id(Exchange& exchange) {
    modifiers::RequestFacts& facts = exchange.facts;
    if (facts.request_id_size == 0) {
        facts.request_id_size = 32;
        io_.random.hex(facts.request_id, facts.request_id_size);
    }
    return {facts.request_id, facts.request_id_size};
}

void Pipeline::respond_locally(Exchange& exchange, http::LocalResponse const& response) {
    exchange.status = response.status;
    bool const with_content = exchange.method != http::Method::head;
    if (with_content) exchange.bytes_out = response.content.size();
    exchange.downstream.respond(response, request_id(exchange), with_content);
}

namespace {

/// Waits for the control thread's text; the state outlives whichever side ends first.
class Rendering {
public:
    Rendering(ReportSource const& source, admin::Report report)
        : state_{std::make_shared<State>()} {
        source(report, [state = state_](std::string text) {
            state->text = std::move(text);
            state->ready = true;
            if (state->waiting) state->waiting.resume();
        });
    }
    bool await_ready() const { return state_->ready; }
    void await_suspend(std::coroutine_handle<> waiting) { state_->waiting = waiting; }
    std::string await_resume() { return std::move(state_->text); }

private:
    struct State {
        std::string text;
        bool ready{false};
        std::coroutine_handle<> waiting;
    };
    std::shared_ptr<State> state_;
};

}  // namespace

Task<> Pipeline::serve_report(Exchange& exchange, admin::Report report) {
    // The head's bytes move while this waits.
    exchange.method_text = exchange.method == http::Method::head ? "HEAD" : "GET";
    exchange.target_text = report == admin::Report::metrics ? "/metrics" : "/status.json";
    std::string text = co_await Rendering{report_source_, report};
    respond_locally(exchange, admin::Endpoints::rendered(report, std::move(text)));
}

bool Pipeline::admit(Exchange& exchange) {
    exchange.permit = shared_.in_flight.try_acquire();
    if (exchange.permit) return true;
    fail(exchange, {FailureKind::in_flight_limit, "MAX_IN_FLIGHT requests are in work"});
    return false;
}

/// MAX_BODY_BYTES and STREAM_LARGE_BODIES, as far as the head tells.
Result<void> Pipeline::check_content(Exchange const& exchange) const {
    config::ClientSettings const& limits = settings_.client;
    Framing const& framing = exchange.downstream.framing();
    if (framing.kind == Framing::Kind::none) return {};
    if (limits.max_body_bytes != 0 && framing.length > limits.max_body_bytes) {
        return Failure{FailureKind::content_too_large, "content is longer than MAX_BODY_BYTES"};
    }
    if (!limits.stream_large_bodies && framing.length > limits.stream_threshold_bytes) {
        return Failure{
            FailureKind::content_too_large,
            "content is longer than STREAM_THRESHOLD_BYTES and STREAM_LARGE_BODIES is off"};
    }
    return {};
}

/// Decides between streaming and reading whole. @return whether there is content to be read whole
bool Pipeline::plan_content(Exchange const& exchange, upstream::Call& call) const {
    Framing const& framing = exchange.downstream.framing();
    call.content.framing = framing.kind;
    call.content.replay_limit = settings_.client.stream_threshold_bytes;
    bool const small =
        framing.kind == Framing::Kind::none ||
        (framing.kind == Framing::Kind::length &&
         framing.length <= settings_.client.stream_threshold_bytes && !call.streamed);
    call.streamed = !small;
    if (call.streamed) call.content.source = &exchange.downstream.content();
    return small && framing.length > 0;
}

Task<Result<void>> Pipeline::respond(Exchange& exchange, upstream::Client::Exchange& upstream,
                                     upstream::Call& call, http::ResponseHead& head) {
    Downstream& downstream = exchange.downstream;
    exchange.status = head.status;
    modifiers::DebugFacts const debug{
        exchange.upstream, call.attempts,
        std::chrono::duration_cast<std::chrono::milliseconds>(call.upstream_latency)};
    modifiers::modify_response(head, {{exchange.facts.request_id, exchange.facts.request_id_size},
                                      date_,
                                      settings_.telemetry.expose_debug_headers ? &debug : nullptr});

    // To the last byte of the content: permit and upstream connection are held until then.
    exchange.stages.next(Stage::response);
    upstream::Attempt& attempt = upstream.attempt();
    relay::ContentSink& sink = downstream.begin_response(head, attempt.framing());
    if (head.status == 101) {
        return attempt.tunnel(downstream.tunnel_source(), sink, exchange.bytes_in,
                              exchange.bytes_out);
    }
    return attempt.relay(sink, exchange.bytes_out);
}

/// Ends an exchange without the origin's answer, or with one that cannot be completed.
void Pipeline::fail(Exchange& exchange, Failure const& failure) {
    http::FailureStatus const& row = http::failure_status(failure.kind);
    metrics_.failed(failure.kind);
    auto const reason = reject_reason(failure.kind);
    if (reason && !exchange.downstream.response_begun()) metrics_.rejected(*reason);
    exchange.error = row.log_error;
    if (telemetry::log_enabled(telemetry::LogLevel::debug)) {
        telemetry::log(telemetry::LogLevel::debug, "exchange failed",
                       {{"error", std::string{row.log_error}},
                        {"reason", std::string{failure.reason}},
                        {"upstream", std::string{exchange.upstream}}});
    }
    if (exchange.downstream.response_begun() || failure.kind == FailureKind::client_gone) {
        bool const gone = failure.kind == FailureKind::client_gone;
        if (exchange.status == 0 || gone) exchange.status = row.status;
        exchange.downstream.cut();
    } else {
        answer_failure(exchange, failure);
    }
    finish(exchange);
}

void Pipeline::answer_failure(Exchange& exchange, Failure const& failure) {
    unsigned retry_after = 0;
    if (failure.kind == FailureKind::no_endpoint) retry_after = client_.retry_after_seconds();
    // 1 to 3 at random, so that the refused do not all come back at once.
    if (failure.kind == FailureKind::in_flight_limit) {
        retry_after = 1 + static_cast<unsigned>(io_.random.below(3));
    }
    bool const debug = settings_.telemetry.expose_debug_headers;
    http::LocalResponse response =
        http::failure_response(failure.kind, request_id(exchange), retry_after,
                               debug ? failure.reason : std::string_view{});
    if (debug && exchange.attempts > 0) {
        auto const latency =
            std::chrono::duration_cast<std::chrono::milliseconds>(exchange.upstream_latency);
        response.fields.emplace_back("X-Upstream", exchange.upstream);
        response.fields.emplace_back("X-Attempts", std::to_string(exchange.attempts));
        response.fields.emplace_back("X-Upstream-Latency-Ms", std::to_string(latency.count()));
    }
    // After a fault of the client's nothing that follows on the connection can be trusted.
    bool const clients_fault = response.status < 500 || response.status == 501;
    if (clients_fault) exchange.downstream.close_afterwards();
    respond_locally(exchange, response);
}

/// @return how long the exchange took
core::Duration Pipeline::finish(Exchange& exchange) {
    exchange.permit.reset();
    core::TimePoint const ended = exchange.stages.finish();
    core::Duration const duration = ended - exchange.started;
    if (exchange.facts.span.sampled) record_span(exchange, ended);
    metrics_.request_finished(exchange.method, http::path_of(exchange.target_text), exchange.status,
                              duration);
    if (exchange.bytes_in != 0) metrics_.bytes_in(exchange.bytes_in);
    if (exchange.bytes_out != 0) metrics_.bytes_out(exchange.bytes_out);
    if (!access_log_.enabled()) return duration;
    telemetry::AccessRecord record;
    record.request_id = {exchange.facts.request_id, exchange.facts.request_id_size};
    record.trace_id = {exchange.facts.trace_id, exchange.facts.trace_id[0] == '\0' ? 0U : 32U};
    record.client = exchange.facts.client.empty()
                        ? std::string_view{exchange.downstream.peer().text}
                        : exchange.facts.client.view();
    record.method = exchange.method_text;
    record.target = exchange.target_text;
    record.minor_version = exchange.minor_version;
    record.status = exchange.status;
    record.bytes_in = exchange.bytes_in;
    record.bytes_out = exchange.bytes_out;
    record.duration = duration;
    record.upstream = exchange.upstream;
    record.upstream_latency = exchange.upstream_latency;
    record.attempts = exchange.attempts;
    record.error = exchange.error;
    access_log_.write(record);
    return duration;
}

/// What the conventions want of the client's fields comes from the encoded request, where all but
/// the wished-for is gone: X-Forwarded-Host and -Proto are there as TRUSTED_PROXIES lets them be.
void Pipeline::record_span(Exchange const& exchange, core::TimePoint ended) const {
    telemetry::SpanContext const& context = exchange.facts.span;
    telemetry::Span span;
    span.method = exchange.method;
    span.minor_version = static_cast<std::uint8_t>(exchange.minor_version);
    // 499 is the log's word for a client that left; no response had it.
    constexpr unsigned kClientGone = 499;
    if (exchange.status != kClientGone || exchange.error.empty())
        span.status = static_cast<std::uint16_t>(exchange.status);
    span.started = exchange.started;
    span.ended = ended;
    span.trace_id = {context.trace_id, sizeof context.trace_id};
    span.span_id = {context.span_id, sizeof context.span_id};
    if (context.has_parent) span.parent_id = {context.parent_id, sizeof context.parent_id};
    span.remote_parent = context.has_parent;
    span.method_text = exchange.method_text;
    span.target = exchange.target_text;
    span.server = exchange.request->value_of("X-Forwarded-Host");
    span.address = exchange.facts.client;
    span.scheme = exchange.request->value_of("X-Forwarded-Proto");
    span.user_agent = exchange.request->value_of("User-Agent");
    span.error = exchange.error;
    spans_->record(span);
}

std::vector<admin::EndpointStatus> Pipeline::endpoint_status() const {
    core::TimePoint const now = core::Clock::now();
    bool const failing_open = shared_.rotation.failing_open.load(std::memory_order_relaxed);
    std::vector<admin::EndpointStatus> list;
    for (auto const& endpoint : client_.endpoints()) {
        list.push_back({endpoint->url, endpoint->label,
                        endpoint->healthy.load(std::memory_order_relaxed),
                        balancing::name_of(endpoint->breaker.state(now)),
                        endpoint->eligible(failing_open, now)});
    }
    return list;
}

void Pipeline::tick() {
    access_log_.flush();
    std::time_t const now = std::time(nullptr);
    if (now == date_second_) return;
    date_second_ = now;
    std::tm const utc = platform::utc(now);
    std::array<char, 32> text{};
    std::size_t const size =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    date_.assign(text.data(), size);
}

}  // namespace reverse_proxy::pipeline
