#include "reverse_proxy/telemetry/trace_exporter.hpp"

#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/telemetry/log.hpp"
#include "telemetry/line_ring.hpp"
#include "telemetry/otlp_answer.hpp"
#include "telemetry/otlp_client.hpp"
#include "telemetry/otlp_json.hpp"
#include "telemetry/span_record.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace reverse_proxy::telemetry {

namespace net = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kRingBytes = std::size_t{1} << 20;  // some 2000 requests with one attempt
// OpenTelemetry's SDKs send as many at once.
constexpr std::size_t kBatchSpans = 512;
// What was taken out of the rings and not sent yet is not added to past this.
constexpr std::size_t kMostWaitingBytes = std::size_t{1} << 20;
constexpr auto kPeriod = 100ms;
constexpr auto kLongestGather = 1s;
constexpr auto kExportTimeout = 10s;  // OTEL_EXPORTER_OTLP_TIMEOUT's default
constexpr auto kFlushTimeout = 2s;
constexpr unsigned kMostTries = 5;
constexpr std::chrono::seconds kLongestWait{30};  // whatever Retry-After says

/// RFC 9562, 5.4: 122 random bits.
std::string random_uuid(core::Random& random) {
    std::string id(32, '0');
    random.hex(id.data(), 32);
    id[12] = '4';
    id[16] = "89ab"[random.below(4)];
    for (std::size_t const at : {20U, 16U, 12U, 8U})
        id.insert(at, 1, '-');
    return id;
}

}  // namespace

struct TraceExporter::State {
    State(Collector collector, bool query, std::string version)
        : with_query{query}, service{std::move(version), random_uuid(random)},
          client{io, std::move(collector)} {}

    net::awaitable<void> run();
    void take();
    [[nodiscard]] bool due() const;
    net::awaitable<void> send_batch();
    net::awaitable<OtlpAnswer> deliver(std::string const& json);
    net::awaitable<void> sleep(core::Duration duration);
    void report(OtlpAnswer const& answer);
    void begin_flush();

    bool const with_query;
    core::Random random;
    Service service;
    std::vector<std::shared_ptr<LineRing>> rings;  // fixed by start()
    std::atomic<std::uint64_t> exported{0};
    std::atomic<std::uint64_t> failed{0};

    // The thread's own.
    net::io_context io{1};
    OtlpClient client;
    net::steady_timer timer{io};
    net::steady_timer flush_timer{io};
    std::string waiting;  // records taken out of the rings
    std::size_t waiting_spans{0};
    core::TimePoint waiting_since;
    bool stopping{false};
    bool giving_up{false};
    bool failing{false};  // the log has said so

    std::thread thread;
};

/// Until stopping and nothing is left.
net::awaitable<void> TraceExporter::State::run() {
    for (;;) {
        take();
        while (due()) {
            co_await send_batch();
            take();
        }
        if (stopping) co_return;
        co_await sleep(kPeriod);
    }
}

void TraceExporter::State::take() {
    if (waiting.size() >= kMostWaitingBytes) return;
    std::size_t const before = waiting.size();
    for (auto const& ring : rings)
        ring->take([this](std::string_view records) { waiting.append(records); });
    if (waiting.size() == before) return;
    if (before == 0) waiting_since = core::Clock::now();
    std::string_view taken{waiting};
    for (taken.remove_prefix(before); !taken.empty(); ++waiting_spans)
        take_span(taken);
}

bool TraceExporter::State::due() const {
    if (waiting_spans == 0) return false;
    return stopping || waiting_spans >= kBatchSpans ||
           core::Clock::now() - waiting_since >= kLongestGather;
}

net::awaitable<void> TraceExporter::State::send_batch() {
    std::string_view rest{waiting};
    std::vector<Span> spans;
    spans.reserve(std::min(waiting_spans, kBatchSpans));
    while (!rest.empty() && spans.size() < kBatchSpans)
        spans.push_back(take_span(rest));
    // The spans' clock does not know the date; it and the wall clock are compared once a batch.
    auto const offset =
        std::chrono::system_clock::now().time_since_epoch() - core::Clock::now().time_since_epoch();
    std::string const json = otlp_json(spans, service, offset);
    std::size_t const count = spans.size();
    waiting.erase(0, waiting.size() - rest.size());
    waiting_spans -= count;

    OtlpAnswer const answer = co_await deliver(json);
    bool const accepted = answer.verdict == OtlpAnswer::Verdict::accepted;
    std::uint64_t const lost = accepted ? std::min<std::uint64_t>(answer.rejected, count) : count;
    exported.fetch_add(count - lost, std::memory_order_relaxed);
    failed.fetch_add(lost, std::memory_order_relaxed);
    report(answer);
    // While stopping nothing is tried twice: the process is waited for.
    if (stopping && answer.verdict == OtlpAnswer::Verdict::retry) giving_up = true;
}

/// Tries until there is an answer that stands, tries have run out or the process stops.
net::awaitable<OtlpAnswer> TraceExporter::State::deliver(std::string const& json) {
    OtlpAnswer answer;
    answer.why = "no time left before the end";
    for (unsigned tried = 1; !giving_up; ++tried) {
        answer = co_await client.post(json, kExportTimeout);
        if (answer.verdict != OtlpAnswer::Verdict::retry || tried == kMostTries || stopping) break;
        core::Duration const wait =
            answer.wait ? std::min(*answer.wait, kLongestWait) : export_backoff(tried, random);
        co_await sleep(wait);
    }
    co_return answer;
}

/// Returns early once the process stops.
net::awaitable<void> TraceExporter::State::sleep(core::Duration duration) {
    if (stopping) co_return;
    timer.expires_after(duration);
    co_await timer.async_wait(net::as_tuple(net::use_awaitable));
}

/// Once for a series of failures: a collector that is down would fill the log.
void TraceExporter::State::report(OtlpAnswer const& answer) {
    bool const fails = answer.verdict != OtlpAnswer::Verdict::accepted || answer.rejected > 0;
    if (fails == failing) return;
    failing = fails;
    if (fails)
        log(LogLevel::warn, "spans are not exported", {{"why", answer.why}});
    else
        log(LogLevel::info, "spans are exported again");
}

void TraceExporter::State::begin_flush() {
    stopping = true;
    timer.cancel();
    flush_timer.expires_after(kFlushTimeout);
    flush_timer.async_wait([this](boost::system::error_code const& error) {
        if (error) return;
        giving_up = true;
        client.close();
    });
}

TraceExporter::TraceExporter(Collector collector, bool with_query, std::string version)
    : state_{std::make_unique<State>(std::move(collector), with_query, std::move(version))} {}

TraceExporter::~TraceExporter() {
    stop();
}

std::unique_ptr<SpanRecorder> TraceExporter::make_recorder() {
    auto const& ring = state_->rings.emplace_back(std::make_shared<LineRing>(kRingBytes));
    return std::make_unique<SpanRecorder>(ring, state_->with_query);
}

void TraceExporter::start() {
    // Wrapped, as clang-tidy 14 takes a member coroutine for a function that runs when called.
    net::co_spawn(
        state_->io, [](State& state) -> net::awaitable<void> { co_await state.run(); }(*state_),
        [state = state_.get()](std::exception_ptr const& error) {
            if (error) log(LogLevel::error, "exporting spans ended");
            state->flush_timer.cancel();
            state->client.close();
        });
    state_->thread = std::thread{[state = state_.get()] { state->io.run(); }};
}

void TraceExporter::stop() {
    if (!state_->thread.joinable()) return;
    net::post(state_->io, [state = state_.get()] { state->begin_flush(); });
    state_->thread.join();
}

SpanCounts TraceExporter::counts() const {
    SpanCounts counts;
    counts.exported = state_->exported.load(std::memory_order_relaxed);
    counts.failed = state_->failed.load(std::memory_order_relaxed);
    for (auto const& ring : state_->rings)
        counts.dropped += ring->dropped();
    return counts;
}

}  // namespace reverse_proxy::telemetry
