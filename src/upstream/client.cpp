#include "reverse_proxy/upstream/client.hpp"

#include "reverse_proxy/http/failure_status.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace reverse_proxy::upstream {

using core::Failure;
using core::FailureKind;
using core::Result;
using core::Task;
using telemetry::AttemptOutcome;

namespace {

AttemptOutcome outcome_of(FailureKind kind) {
    switch (kind) {
    case FailureKind::connect_refused:
    case FailureKind::connect_unroutable:
    case FailureKind::connect_no_local_port:
        return AttemptOutcome::connect_failed;
    case FailureKind::connect_timeout:
        return AttemptOutcome::connect_timeout;
    case FailureKind::connection_terminated:
        return AttemptOutcome::reset;
    case FailureKind::response_timeout:
        return AttemptOutcome::timeout;
    case FailureKind::response_malformed:
    case FailureKind::response_head_too_large:
        return AttemptOutcome::malformed;
    case FailureKind::response_incomplete:
        return AttemptOutcome::incomplete;
    default:
        return AttemptOutcome::aborted;  // the client's or the shutdown's doing
    }
}

bool is_error_status(unsigned status) {
    return status == 502 || status == 503 || status == 504;
}

/// Seconds of a Retry-After; a date is not understood and left to the client (RFC 9110, 10.2.3).
std::optional<core::Duration> retry_after(http::ResponseHead const& head) {
    std::string_view const value = head.fields.value_of(http::FieldId::retry_after);
    unsigned seconds = std::numeric_limits<unsigned>::max();  // what a larger number stays at
    auto const parsed = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (parsed.ec == std::errc::invalid_argument || parsed.ptr != value.data() + value.size())
        return {};
    return std::chrono::seconds{seconds};
}

}  // namespace

Client::Client(core::WorkerIo& io, Config config, SharedUpstream shared,
               telemetry::MetricsShard& metrics)
    : io_{io}, config_{std::move(config)}, shared_{shared}, metrics_{metrics},
      round_robin_{shared.rotation, config_.fail_open} {}

void Client::set_endpoints(balancing::EndpointList const& endpoints) {
    std::vector<std::shared_ptr<ConnectionPool>> pools;
    for (auto const& endpoint : endpoints) {
        auto const known = std::find_if(pools_.begin(), pools_.end(), [&](auto const& pool) {
            return pool != nullptr && &pool->endpoint() == endpoint.get();
        });
        if (known != pools_.end()) {
            pools.push_back(std::move(*known));
        } else {
            pools.push_back(
                std::make_shared<ConnectionPool>(io_, endpoint, config_.worker, config_.upstream));
        }
    }
    for (auto const& gone : pools_) {
        if (gone != nullptr) gone->retire();
    }
    pools_ = std::move(pools);
    endpoints_ = endpoints;
    round_robin_.set_endpoints(endpoints);
}

unsigned Client::retry_after_seconds() const {
    core::TimePoint due = round_robin_.next_half_open();
    due = std::min(due, shared_.rotation.next_probe_at.load(std::memory_order_relaxed));
    // Not the reactor's time: another worker may have opened the breaker after this batch began,
    // and a wait longer than what is set would be told.
    core::TimePoint const now = core::Clock::now();
    if (due == core::kNever || due <= now) return 1;
    return static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(due - now).count());
}

void Client::close_idle() {
    for (auto const& pool : pools_)
        pool->close_idle();
}

void Client::report(balancing::CircuitBreaker::Transition const& transition,
                    balancing::Endpoint const& endpoint, std::string_view why) {
    if (!transition.happened) return;
    shared_.transitions.report(
        transition.to == balancing::BreakerState::open ? telemetry::LogLevel::warn
                                                       : telemetry::LogLevel::info,
        {telemetry::Transition::Of::breaker, endpoint.label, balancing::name_of(transition.from),
         balancing::name_of(transition.to), std::string{why}});
}

Client::Exchange::Exchange(Client& client, Call& call) : client_{client}, call_{call} {
    client_.shared_.budget.request_started();
    if (call.content.source != nullptr)
        streamed_.emplace(*call.content.source, call.content.replay_limit);
}

Client::Exchange::~Exchange() {
    if (unsettled_) settle(AttemptOutcome::aborted, false);
}

/// The next endpoint and the right to an attempt at it; false: none is eligible.
bool Client::Exchange::choose() {
    auto const pick = client_.round_robin_.pick(client_.io_.reactor.now(), tried_);
    if (!pick) return false;
    call_.pool = client_.pools_[pick->index];
    ticket_ = pick->ticket;
    client_.report(pick->transition, call_.pool->endpoint(), "time is over, one request probes");
    if (call_.attempts == 0) {
        first_index_ = pick->index;
    } else {
        tried_.push_back(pick->index);
    }
    return true;
}

Task<Result<void>> Client::Exchange::forward(http::ResponseHead& head) {
    bool fresh = false;
    for (core::TimePoint started = call_.asked_at;; started = core::Clock::now()) {
        if (!fresh && !choose()) {
            if (kept_head_.empty()) co_return nobody();
            auto const kept = http::parse_response_head(
                kept_head_, {client_.config_.upstream.max_header_bytes, kMaxFields}, head);
            if (!kept) co_return kept.error();
            co_return Result<void>{};
        }
        if (!fresh) ++call_.attempts;
        kept_head_.clear();
        unsettled_ = true;
        if (call_.spans != nullptr) begin_span();
        attempt_.emplace(client_.io_, client_.config_.upstream, call_, call_.pool,
                         streamed_ ? &*streamed_ : nullptr);
        Result<void> const result = co_await attempt_->run(fresh, head);
        call_.answered_at = core::Clock::now();
        call_.upstream_latency = call_.answered_at - started;
        if (call_.spans != nullptr) end_span(started, result, head);
        if (result) call_.pool->cells().observe_latency(call_.upstream_latency);
        Next const next = judge(result, head);
        if (next == Next::answer) co_return result;
        fresh = next == Next::retry_fresh;
        if (next != Next::retry) continue;
        if (bool const waited = co_await wait_backoff(); !waited) {
            co_return Failure{call_.client_gone ? FailureKind::client_gone
                                                : FailureKind::shutdown_cut,
                              "ended while a retry was waited for"};
        }
    }
}

/// The first attempt's id is in the request already.
void Client::Exchange::begin_span() {
    if (spans_begun_++ == 0) return;
    telemetry::SpanContext& span = *call_.span;
    client_.io_.random.hex(span.attempt_id, sizeof span.attempt_id);
    call_.request->set_parent_id({span.attempt_id, sizeof span.attempt_id});
}

/// An attempt's span ends with its response's head; the content's time is the request's.
void Client::Exchange::end_span(core::TimePoint started, Result<void> const& result,
                                http::ResponseHead const& head) const {
    telemetry::SpanContext const& context = *call_.span;
    balancing::Endpoint const& endpoint = call_.pool->endpoint();
    telemetry::Span span;
    span.kind = telemetry::Span::Kind::client;
    span.method = call_.method;
    span.resend_count = static_cast<std::uint16_t>(spans_begun_ - 1);
    span.started = started;
    span.ended = call_.answered_at;
    span.trace_id = {context.trace_id, sizeof context.trace_id};
    span.span_id = {context.attempt_id, sizeof context.attempt_id};
    span.parent_id = {context.span_id, sizeof context.span_id};
    span.method_text = call_.request->method();
    span.target = call_.request->target();
    span.server = endpoint.url;
    span.address = endpoint.label;
    if (result) {
        span.status = static_cast<std::uint16_t>(head.status);
    } else {
        span.error = http::failure_status(result.error().kind).log_error;
    }
    call_.spans->record(span);
}

/// Why the request fails now that there is nobody to ask: what the last attempt came to, if there
/// was one.
Failure Client::Exchange::nobody() const {
    if (last_failure_) return *last_failure_;
    if (client_.pools_.empty())
        return {client_.shared_.no_address.load(std::memory_order_relaxed),
                "the upstream's name has no address"};
    return {FailureKind::no_endpoint, "no endpoint is eligible"};
}

FailedAttempt Client::Exchange::describe(Result<void> const& result,
                                         http::ResponseHead const& head) const {
    FailedAttempt failed;
    failed.method = call_.method;
    if (result) {
        failed.status = head.status;
    } else {
        failed.failure = result.error().kind;
    }
    failed.connection_reused = attempt_->connection_reused();
    failed.request_bytes_sent = attempt_->request_bytes_sent();
    failed.response_bytes_received = attempt_->response_bytes_received();
    failed.content_replayable = !streamed_ || streamed_->replayable();
    failed.response_started_downstream = call_.interim_sent;
    return failed;
}

/// What follows an attempt: its outcome goes to the client, or another one is made.
Client::Exchange::Next Client::Exchange::judge(Result<void> const& result,
                                               http::ResponseHead const& head) {
    bool const bad_answer = result && is_error_status(head.status);
    if (result && !bad_answer) {
        if (ticket_.probe || head.status == 101) settle(AttemptOutcome::ok, false);
        return Next::answer;
    }
    FailedAttempt const failed = describe(result, head);
    RetryState const state{
        .attempts_made = call_.attempts,
        .max_attempts = client_.config_.retry.max_attempts,
        .now = client_.io_.reactor.now(),
        .deadline = call_.deadline,
        .cutting = client_.shared_.cutting.load(std::memory_order_relaxed),
        .retry_after = bad_answer && head.status == 503 ? retry_after(head) : std::nullopt,
        .backoff = backoff(retries_ + 1, client_.config_.retry.backoff_base,
                           client_.config_.retry.backoff_max, client_.io_.random),
        .fresh_used = fresh_used_,
        .breaker_opened = client_.config_.retry.budget_percent > 0 && !ticket_.probe &&
                          !call_.pool->endpoint().breaker.allows(client_.io_.reactor.now())};
    RetryVerdict const verdict = upstream::judge(failed, state);
    if (verdict == RetryVerdict::retry_fresh) {
        fresh_used_ = true;
        call_.pool->cells().stale_connections.add(1);
        call_.pool->cells().retries[static_cast<unsigned>(telemetry::RetryReason::stale)].add(1);
        call_.pool->cells().attempts[static_cast<unsigned>(AttemptOutcome::stale)].add(1);
        return Next::retry_fresh;
    }
    if (bad_answer) {
        settle(AttemptOutcome::error_status, true);
    } else {
        FailureKind const kind = result.error().kind;
        settle(outcome_of(kind), http::failure_status(kind).blames_endpoint);
        last_failure_ = result.error();
    }
    if (verdict == RetryVerdict::stop) return Next::answer;
    // A breaker that has just opened may have left nobody: then this answer is the last one.
    if (!client_.round_robin_.any_eligible(client_.io_.reactor.now())) return Next::answer;
    bool const costs = verdict == RetryVerdict::retry;
    if (costs && !client_.shared_.budget.try_take(client_.io_.reactor.now())) {
        client_.metrics_.retry_budget_exhausted();
        return Next::answer;
    }
    call_.pool->cells().retries[static_cast<unsigned>(retry_reason(failed))].add(1);
    if (tried_.empty()) tried_.push_back(first_index_);
    if (!costs) return Next::elsewhere;
    if (bad_answer) keep_answer(head);
    ++retries_;
    retry_at_ = state.now + state.backoff;
    return Next::retry;
}

/// The head in words of its own, since the table and the bytes that it refers to serve others while
/// a retry is waited for. The content stays where it is, with the attempt.
void Client::Exchange::keep_answer(http::ResponseHead const& head) {
    kept_head_ =
        "HTTP/1." + std::to_string(head.minor_version) + " " + std::to_string(head.status) + " ";
    kept_head_ += head.reason_phrase;
    kept_head_ += "\r\n";
    for (http::Field const& field : head.fields.parsed())
        kept_head_ += field.line;
    kept_head_ += "\r\n";
}

/// Sleeps before the next attempt; false: the client went away or the drain cut it. Nothing is held
/// meanwhile but an answer that may yet go out.
Task<bool> Client::Exchange::wait_backoff() {
    if (kept_head_.empty()) attempt_.reset();
    core::Wake const wake =
        co_await core::Wait{client_.io_.reactor, *call_.client, call_.departure(), retry_at_};
    call_.client_gone = wake == core::Wake::ready;
    co_return wake == core::Wake::timed_out;
}

void Client::Exchange::settle(AttemptOutcome outcome, bool blamed) {
    unsettled_ = false;
    balancing::Endpoint& endpoint = call_.pool->endpoint();
    call_.pool->cells().attempts[static_cast<unsigned>(outcome)].add(1);
    if (outcome == AttemptOutcome::ok) {
        client_.report(endpoint.breaker.succeeded(ticket_), endpoint, "an attempt succeeded");
    } else if (blamed) {
        client_.report(endpoint.breaker.failed(ticket_, client_.io_.reactor.now()), endpoint,
                       "failed attempts");
    } else {
        endpoint.breaker.abandon(ticket_);
    }
}

void Client::Exchange::finished(Result<void> const& relayed) {
    if (relayed) {
        attempt_->finish();
        if (unsettled_) settle(AttemptOutcome::ok, false);
    } else if (unsettled_) {
        FailureKind const kind = relayed.error().kind;
        settle(outcome_of(kind), http::failure_status(kind).blames_endpoint);
    }
    attempt_.reset();
}

}  // namespace reverse_proxy::upstream
