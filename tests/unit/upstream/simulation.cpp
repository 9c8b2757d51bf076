#include "tests/unit/upstream/simulation.hpp"

#include <algorithm>

namespace reverse_proxy::upstream {

using namespace std::chrono_literals;
using core::Duration;
using core::FailureKind;
using core::TimePoint;

namespace {

constexpr TimePoint kStart{1h};
constexpr Duration kLongestAnswer = 20ms;

Duration drawn(core::Random& random, Duration least, Duration most) {
    auto const span = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + Duration{static_cast<Duration::rep>(random.below(span))};
}

std::chrono::milliseconds drawn_ms(core::Random& random, std::uint64_t least, std::uint64_t most) {
    return std::chrono::milliseconds{least + random.below(most - least + 1)};
}

unsigned drawn_count(core::Random& random, unsigned least, unsigned most) {
    return least + static_cast<unsigned>(random.below(most - least + 1));
}

}  // namespace

SimulationPlan::SimulationPlan(core::Random& random) {
    endpoints = drawn_count(random, 1, 5);
    workers = drawn_count(random, 1, 3);
    request_timeout = drawn_ms(random, 50, 400);
    attempt_timeout = drawn_ms(random, 20, 100);
    breaker.failure_threshold = drawn_count(random, 1, 6);
    breaker.open_duration = drawn_ms(random, 50, 400);
    breaker.probe_lease = request_timeout + 100ms;
    retry.max_attempts = drawn_count(random, 1, 4);
    retry.backoff_base = drawn_ms(random, 0, 40);
    retry.backoff_max = retry.backoff_base + drawn_ms(random, 0, 200);
    constexpr unsigned kPercents[] = {0, 5, 20, 20, 60, 100};
    retry.budget_percent = kPercents[random.below(std::size(kPercents))];
    probing = random.below(2) == 0;
    fail_open = random.below(3) == 0;
    probe_interval = drawn_ms(random, 40, 200);
    probe_timeout = drawn_ms(random, 20, 60);
    healthy_threshold = drawn_count(random, 1, 3);
    unhealthy_threshold = drawn_count(random, 1, 3);

    Duration const span = drawn_ms(random, 300, 1500);
    gap = span / 120;
    faults_from = kStart + 40 * gap;
    faults_until = faults_from + span;
    for (std::size_t i = 0; i < endpoints; ++i) {
        for (std::uint64_t n = random.below(4); n > 0; --n) {
            TimePoint const from = faults_from + drawn(random, Duration::zero(), span);
            TimePoint const until = from + drawn(random, Duration::zero(), faults_until - from);
            faults.push_back({i, from, until, static_cast<Mode>(1 + random.below(5))});
        }
    }
    // Attempts begun within a fault may fail, or lose a breaker's probe, as late as this; then the
    // breaker has to half-open, and health to be seen again, whichever is later; then it is each
    // endpoint's turn within as many requests as there are endpoints.
    Duration const breakers =
        std::max(request_timeout + breaker.open_duration, breaker.probe_lease) + 1ms;
    Duration const health = probing ? probe_timeout + (healthy_threshold + 1) * probe_interval +
                                          (healthy_threshold + 1) * probe_interval / 10
                                    : Duration::zero();
    auto const turns = static_cast<Duration::rep>(endpoints) + 1;
    recovered_at = faults_until + std::max(breakers, health) + 2 * gap * turns + kLongestAnswer;
    end = recovered_at + 60 * gap;
}

/// One request on its way, as upstream::Client::Exchange keeps it.
struct Simulation::Exchange {
    unsigned worker{0};
    http::Method method{http::Method::get};
    TimePoint deadline;
    std::vector<std::size_t> tried;
    std::size_t endpoint{0};
    TimePoint chosen_at;
    balancing::CircuitBreaker::Ticket ticket;
    unsigned attempts{0};
    unsigned retries{0};
    unsigned times_sent{0};
    unsigned kept_status{0};  // of the last attempt's 503; 0: it brought no answer
    bool fresh_used{false};
    bool last_was_answered{false};
    bool ended{false};
};

struct Simulation::Outcome {
    enum class End : std::uint8_t { answered, failed, client_gone, never_heard_of };
    End end{End::answered};
    Duration after{};
    FailedAttempt attempt;  // of a failed one
    std::optional<Duration> retry_after;
};

Simulation::Simulation(std::uint64_t seed)
    : random_{seed}, plan_{random_}, now_{kStart}, last_turn_{balancing::Rotation::kNobody} {
    plan_.breaker.eligibility_version = &rotation_.eligibility_version;
    for (std::size_t i = 0; i < plan_.endpoints; ++i) {
        endpoints_.push_back(std::make_shared<balancing::Endpoint>(plan_.breaker, 0U));
        health_.emplace_back(plan_.healthy_threshold, plan_.unhealthy_threshold);
    }
    for (unsigned i = 0; i < plan_.workers; ++i)
        robins_.emplace_back(rotation_, plan_.fail_open).set_endpoints(endpoints_);
    budget_.emplace(plan_.retry.budget_percent, kStart);
    probe_held_until_.assign(plan_.endpoints, kStart);
    probes_succeeded_.assign(plan_.endpoints, 0);
    first_attempts_.assign(plan_.endpoints, 0);
}

void Simulation::run() {
    for (std::size_t i = 0; i < plan_.endpoints && plan_.probing; ++i)
        at(kStart, [this, i] { probe(i); });
    at(kStart, [this] { request(); });
    at(plan_.faults_from, [this] { check_even(); });
    at(plan_.recovered_at, [this] { check_recovered(); });
    at(plan_.end, [this] { check_even(); });
    // What is under way at the end goes on to its own; nothing new begins.
    while (!events_.empty() && violations_.empty()) {
        Event const event = events_.top();
        events_.pop();
        now_ = event.at;
        event.happen();
    }
    if (violations_.empty())
        expect(tally_.ended == tally_.requests, "a request has no end, or more than one");
    for (auto const& endpoint : endpoints_)
        tally_.breaker_openings += endpoint->breaker.transitions_to(balancing::BreakerState::open);
}

void Simulation::at(TimePoint when, std::function<void()> happen) {
    events_.push({when, planned_++, std::move(happen)});
}

void Simulation::expect(bool holds, char const* what) {
    if (holds) return;
    auto const passed = std::chrono::duration_cast<std::chrono::microseconds>(now_ - kStart);
    violations_.push_back("at " + std::to_string(passed.count()) + " us: " + what);
}

Duration Simulation::between(Duration least, Duration most) {
    return drawn(random_, least, most);
}

Simulation::Mode Simulation::mode_of(std::size_t endpoint) const {
    for (auto const& fault : plan_.faults) {
        if (fault.endpoint == endpoint && fault.from <= now_ && now_ < fault.until)
            return fault.mode;
    }
    return Mode::well;
}

/// Contract, section 4: healthy (where probed) and breaker not open.
std::vector<bool> Simulation::eligible_now() const {
    bool const any_healthy = std::any_of(endpoints_.begin(), endpoints_.end(),
                                         [](auto const& e) { return e->healthy.load(); });
    std::vector<bool> eligible;
    for (auto const& endpoint : endpoints_) {
        bool const counts = endpoint->healthy || (plan_.fail_open && !any_healthy);
        eligible.push_back(counts && endpoint->breaker.allows(now_));
    }
    return eligible;
}

/// Whose turn it is: the first eligible one after the last, in the order of the whole list.
std::size_t Simulation::follower(std::vector<bool> const& eligible) const {
    std::size_t index =
        last_turn_ == balancing::Rotation::kNobody ? eligible.size() - 1 : last_turn_;
    do {
        index = (index + 1) % eligible.size();
    } while (!eligible[index]);
    return index;
}

void Simulation::probe(std::size_t endpoint) {
    if (now_ >= plan_.end) return;
    Mode const mode = mode_of(endpoint);
    Duration const after =
        mode == Mode::stall ? plan_.probe_timeout : between(0ms, plan_.probe_timeout);
    at(now_ + after, [=, this] { probed(endpoint, mode == Mode::well); });
    Duration const interval = plan_.probe_interval;
    Duration const jittered = between(interval - interval / 10, interval + interval / 10);
    at(now_ + std::max(jittered, after), [=, this] { probe(endpoint); });
}

void Simulation::probed(std::size_t endpoint, bool success) {
    if (!health_[endpoint].record(success)) return;
    ++tally_.health_changes;
    endpoints_[endpoint]->healthy = health_[endpoint].healthy();
    rotation_.eligibility_version.fetch_add(1);
}

void Simulation::request() {
    if (now_ >= plan_.end) return;
    at(now_ + between(0ms, 2 * plan_.gap), [this] { request(); });
    auto const exchange = std::make_shared<Exchange>();
    exchange->worker = static_cast<unsigned>(random_.below(plan_.workers));
    exchange->method = one_in(4) ? http::Method::post : http::Method::get;
    exchange->deadline = now_ + plan_.request_timeout;
    budget_->request_started();
    ++tally_.requests;
    choose(exchange);
}

void Simulation::choose(std::shared_ptr<Exchange> const& exchange) {
    std::vector<bool> const eligible = eligible_now();
    auto const pick = robins_[exchange->worker].pick(now_, exchange->tried);
    if (!pick) return nobody_is_eligible(*exchange, eligible);
    exchange->kept_status = 0;
    exchange->last_was_answered = false;
    check_pick(*exchange, *pick, eligible);
    exchange->endpoint = pick->index;
    exchange->chosen_at = now_;
    exchange->ticket = pick->ticket;
    if (exchange->attempts == 0) {
        ++first_attempts_[pick->index];
        last_turn_ = pick->index;
    } else {
        exchange->tried.push_back(pick->index);
    }
    expect(++exchange->attempts <= plan_.retry.max_attempts, "more attempts than allowed");
    attempt(exchange);
}

/// The proxy's own 503 is for requests that no origin has answered.
void Simulation::nobody_is_eligible(Exchange& exchange, std::vector<bool> const& eligible) {
    expect(std::none_of(eligible.begin(), eligible.end(), [](bool e) { return e; }),
           "refused while an endpoint was eligible");
    expect(now_ < plan_.recovered_at, "refused after the recovery");
    if (exchange.attempts == 0) ++tally_.refused;
    if (exchange.kept_status != 0) ++tally_.answers_kept;
    exchange_ended(exchange, exchange.kept_status);
}

/// `status`: of the origin's answer that the client gets; 0: it gets none.
void Simulation::exchange_ended(Exchange& exchange, unsigned status) {
    expect(!exchange.ended, "a request ended twice");
    expect(status != 0 || !exchange.last_was_answered, "the last answer did not go out");
    exchange.ended = true;
    ++tally_.ended;
}

void Simulation::check_pick(Exchange const& exchange, balancing::RoundRobin::Pick const& pick,
                            std::vector<bool> const& eligible) {
    expect(eligible[pick.index], "chosen while not eligible");
    if (!eligible[pick.index]) return;
    if (exchange.attempts == 0) expect(pick.index == follower(eligible), "out of turn");
    auto const was_tried = [&](std::size_t index) {
        return std::find(exchange.tried.begin(), exchange.tried.end(), index) !=
               exchange.tried.end();
    };
    if (was_tried(pick.index)) {
        for (std::size_t i = 0; i < eligible.size(); ++i)
            expect(!eligible[i] || was_tried(i), "tried again while another one was eligible");
    }
    if (!pick.ticket.probe) return;
    expect(now_ >= probe_held_until_[pick.index], "two requests probe one half-open breaker");
    probe_held_until_[pick.index] = core::kNever;
}

void Simulation::attempt(std::shared_ptr<Exchange> const& exchange) {
    expect(now_ < exchange->deadline, "an attempt past the deadline");
    Outcome const outcome = draw_outcome(*exchange);
    if (outcome.attempt.request_bytes_sent) ++exchange->times_sent;
    expect(exchange->times_sent <= 1 || http::is_idempotent(exchange->method),
           "a request that is not idempotent was sent twice");
    at(now_ + outcome.after, [=, this] { attempt_ended(exchange, outcome); });
}

/// What the origin makes of an attempt that begins now.
Simulation::Outcome Simulation::draw_outcome(Exchange const& exchange) {
    using End = Outcome::End;
    bool const calm = now_ < plan_.faults_from || now_ >= plan_.faults_until;
    Duration const left = exchange.deadline - now_;
    Outcome outcome;
    outcome.after = std::min(left, between(1us, kLongestAnswer));
    outcome.attempt.method = exchange.method;
    outcome.attempt.request_bytes_sent = true;
    if (!calm && one_in(50)) {
        outcome.end = End::client_gone;
        return outcome;
    }
    if (!calm && exchange.ticket.probe && one_in(20)) {
        outcome.end = End::never_heard_of;
        return outcome;
    }
    Mode const mode = mode_of(exchange.endpoint);
    bool const stale = !calm && mode == Mode::well && one_in(20);
    if (mode == Mode::well && !stale) return outcome;
    outcome.end = End::failed;
    outcome.attempt.connection_reused = stale || (mode == Mode::reset && one_in(2));
    switch (mode) {
    case Mode::refuse:
        outcome.attempt.failure = FailureKind::connect_refused;
        outcome.attempt.request_bytes_sent = false;
        break;
    case Mode::well:
    case Mode::reset:
        outcome.attempt.failure = FailureKind::connection_terminated;
        break;
    case Mode::stall:
        outcome.attempt.failure = FailureKind::response_timeout;
        outcome.after = std::min(left, plan_.attempt_timeout);
        break;
    case Mode::away_for_long:
        outcome.retry_after = 1h;
        [[fallthrough]];
    case Mode::unavailable:
        outcome.attempt.status = 503;
        break;
    }
    return outcome;
}

/// What upstream::Client::Exchange does with an attempt's end.
void Simulation::attempt_ended(std::shared_ptr<Exchange> const& exchange, Outcome const& outcome) {
    using End = Outcome::End;
    auto& breaker = endpoints_[exchange->endpoint]->breaker;
    if (outcome.end == End::never_heard_of) {
        // The breaker counts whole milliseconds.
        probe_held_until_[exchange->endpoint] =
            exchange->chosen_at + plan_.breaker.probe_lease - 1ms;
        return exchange_ended(*exchange, 0);
    }
    RetryState const state{.attempts_made = exchange->attempts,
                           .max_attempts = plan_.retry.max_attempts,
                           .now = now_,
                           .deadline = exchange->deadline,
                           .retry_after = outcome.retry_after,
                           .backoff = backoff(exchange->retries + 1, plan_.retry.backoff_base,
                                              plan_.retry.backoff_max, random_),
                           .fresh_used = exchange->fresh_used,
                           .breaker_opened = plan_.retry.budget_percent > 0 &&
                                             !exchange->ticket.probe && !breaker.allows(now_)};
    RetryVerdict const verdict =
        outcome.end == End::failed ? judge(outcome.attempt, state) : RetryVerdict::stop;
    if (verdict == RetryVerdict::retry_fresh) {
        expect(!exchange->fresh_used, "a second fresh connection for one request");
        exchange->fresh_used = true;
        ++tally_.stale;
        attempt(exchange);
        return;
    }
    if (exchange->ticket.probe) {
        probe_held_until_[exchange->endpoint] = now_;
        if (outcome.end == End::answered) ++probes_succeeded_[exchange->endpoint];
    }
    if (outcome.end == End::client_gone) {
        breaker.abandon(exchange->ticket);
        expect(!exchange->ticket.probe || breaker.allows(now_), "an aborted probe kept its place");
    } else if (outcome.end == End::answered) {
        breaker.succeeded(exchange->ticket);
    } else {
        breaker.failed(exchange->ticket, now_);
    }
    expect(breaker.transitions_to(balancing::BreakerState::closed) <=
               probes_succeeded_[exchange->endpoint],
           "closed without a success");
    unsigned const status = outcome.end == End::answered ? 200 : outcome.attempt.status;
    exchange->last_was_answered = status != 0;
    exchange->kept_status = status;
    if (verdict != RetryVerdict::stop && retry(exchange, verdict, state.backoff)) return;
    exchange_ended(*exchange, status);
}

bool Simulation::retry(std::shared_ptr<Exchange> const& exchange, RetryVerdict verdict,
                       Duration wait) {
    if (!robins_[exchange->worker].any_eligible(now_)) return false;
    if (exchange->tried.empty()) exchange->tried.push_back(exchange->endpoint);
    if (verdict == RetryVerdict::elsewhere) {
        ++tally_.sent_elsewhere;
        choose(exchange);
        return true;
    }
    if (!budget_->try_take(now_)) {
        ++tally_.budget_exhausted;
        return false;
    }
    ++tally_.retries;
    check_budget();
    ++exchange->retries;
    expect(wait <= plan_.retry.backoff_max, "a longer backoff than allowed");
    at(now_ + wait, [=, this] { choose(exchange); });
    return true;
}

/// Contract, section 2: 10 at the start, a share of the requests, 3 per second.
void Simulation::check_budget() {
    unsigned const percent = plan_.retry.budget_percent;
    expect(percent > 0, "a retry without a budget");
    if (percent >= 100) return;
    double const seconds = std::chrono::duration<double>(now_ - kStart).count();
    double const allowed =
        10 + static_cast<double>(tally_.requests) * percent / 100 + 3 * seconds + 1e-6;
    expect(static_cast<double>(tally_.retries) <= allowed, "more retries than the budget allows");
}

void Simulation::check_recovered() {
    for (auto const& endpoint : endpoints_) {
        expect(endpoint->healthy, "an endpoint is unhealthy after the recovery's bound");
        expect(endpoint->breaker.state(now_) == balancing::BreakerState::closed,
               "a breaker is not closed after the recovery's bound");
    }
    first_attempts_.assign(plan_.endpoints, 0);
}

/// While all are eligible nobody is more than one request ahead.
void Simulation::check_even() {
    auto const [least, most] = std::minmax_element(first_attempts_.begin(), first_attempts_.end());
    expect(*most - *least <= 1, "uneven while all were healthy");
}

}  // namespace reverse_proxy::upstream
