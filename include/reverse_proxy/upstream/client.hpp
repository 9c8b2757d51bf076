#pragma once

#include "reverse_proxy/balancing/round_robin.hpp"
#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/task.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"
#include "reverse_proxy/telemetry/transitions.hpp"
#include "reverse_proxy/upstream/attempt.hpp"
#include "reverse_proxy/upstream/call.hpp"
#include "reverse_proxy/upstream/retry_budget.hpp"
#include "reverse_proxy/upstream/retry_policy.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace reverse_proxy::upstream {

/// What the upstream clients of all workers share.
struct SharedUpstream {
    balancing::Rotation& rotation;
    RetryBudget& budget;
    /// Why a request fails while no endpoint exists at all: dns_error or dns_timeout while a name
    /// has no address.
    std::atomic<core::FailureKind> const& no_address;
    std::atomic<bool> const& cutting;  // the drain's grace has ended
    telemetry::Transitions& transitions;
};

/// The upstream side of one worker: chooses endpoints, makes attempts, retries. The one place for
/// attempts.
class Client {
public:
    struct Config {
        config::UpstreamSettings upstream;
        config::RetrySettings retry;
        bool fail_open{false};
        unsigned worker{0};
    };

    Client(core::WorkerIo& io, Config config, SharedUpstream shared,
           telemetry::MetricsShard& metrics);

    /// The control thread has found other endpoints. Connections to those that stay are kept.
    void set_endpoints(balancing::EndpointList const& endpoints);

    /// One exchange's way to an answer: from the call's last attempt the head is in `head` until
    /// something suspends. Owned by the exchange; reports the attempt's end to the breaker.
    class Exchange {
    public:
        Exchange(Client& client, Call& call);
        ~Exchange();
        Exchange(Exchange const&) = delete;
        Exchange& operator=(Exchange const&) = delete;

        /// Attempts until a final response's head has come that goes to the client, or a failure
        /// that does.
        core::Task<core::Result<void>> forward(http::ResponseHead& head);
        /// The answering attempt, after forward() succeeded.
        [[nodiscard]] Attempt& attempt() { return *attempt_; }
        /// Request content that was taken from the client, by whatever attempt.
        [[nodiscard]] std::uint64_t bytes_up() const { return streamed_ ? streamed_->taken() : 0; }
        /// How relaying the response ended. Settles breaker and metrics, and what becomes of the
        /// connection.
        void finished(core::Result<void> const& relayed);

    private:
        enum class Next : std::uint8_t { answer, retry, retry_fresh, elsewhere };

        bool choose();
        Next judge(core::Result<void> const& result, http::ResponseHead const& head);
        core::Task<bool> wait_backoff();
        void keep_answer(http::ResponseHead const& head);
        [[nodiscard]] core::Failure nobody() const;
        void settle(telemetry::AttemptOutcome outcome, bool blamed);
        void begin_span();
        void end_span(core::TimePoint started, core::Result<void> const& result,
                      http::ResponseHead const& head) const;
        [[nodiscard]] FailedAttempt describe(core::Result<void> const& result,
                                             http::ResponseHead const& head) const;

        Client& client_;
        Call& call_;
        std::optional<ReplayableContent> streamed_;
        std::optional<Attempt> attempt_;
        balancing::CircuitBreaker::Ticket ticket_;
        std::vector<std::size_t> tried_;  // allocates with the first retry only
        std::optional<core::Failure> last_failure_;
        std::string kept_head_;  // of an answer that goes out if no retry can be made after all
        std::size_t first_index_{0};  // endpoint of the first attempt
        unsigned retries_{0};
        std::uint16_t spans_begun_{0};
        core::TimePoint retry_at_;  // of the retry that is waited for
        bool unsettled_{false};     // an attempt is under way whose end was not reported yet
        bool fresh_used_{false};
    };

    /// Whole seconds until an endpoint may become eligible (a breaker half-opens, a probe is made),
    /// at least 1.
    [[nodiscard]] unsigned retry_after_seconds() const;
    void close_idle();
    [[nodiscard]] bool any_eligible() { return round_robin_.any_eligible(io_.reactor.now()); }
    [[nodiscard]] balancing::EndpointList const& endpoints() const { return endpoints_; }

private:
    void report(balancing::CircuitBreaker::Transition const& transition,
                balancing::Endpoint const& endpoint, std::string_view why);

    core::WorkerIo& io_;
    Config config_;
    SharedUpstream shared_;
    telemetry::MetricsShard& metrics_;
    balancing::RoundRobin round_robin_;
    balancing::EndpointList endpoints_;
    std::vector<std::shared_ptr<ConnectionPool>> pools_;  // in the order of the endpoints
};

}  // namespace reverse_proxy::upstream
