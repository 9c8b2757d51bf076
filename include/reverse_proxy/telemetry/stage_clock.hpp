#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"

namespace reverse_proxy::telemetry {

/// The telemetry hook around the stages: measures them, one behind the other, with one clock read
/// between two. Its destruction ends the stage that is running, on every path out of it.
/// @tparam Clock  has a static now() that returns core::TimePoint; tests give their own
template <typename Clock = core::Clock> class [[nodiscard]] BasicStageClock {
public:
    /// The first stage began at `started`, a time the caller has read already.
    BasicStageClock(MetricsShard& shard, Stage first, core::TimePoint started)
        : shard_{shard}, stage_{first}, started_{started} {}
    ~BasicStageClock() { finish(); }
    BasicStageClock(BasicStageClock const&) = delete;
    BasicStageClock& operator=(BasicStageClock const&) = delete;

    /// Ends the running stage and begins `stage`.
    /// @return that moment, for whoever needs the time at this point as well
    core::TimePoint next(Stage stage) { return next(stage, Clock::now()); }
    /// The same where the caller has just read the clock.
    core::TimePoint next(Stage stage, core::TimePoint now) {
        shard_.stage_finished(stage_, now - started_);
        stage_ = stage;
        started_ = now;
        return now;
    }
    /// Ends the running stage and, the first time, the measurement.
    /// @return the moment of that end
    core::TimePoint finish() {
        if (running_) {
            next(stage_);
            running_ = false;
        }
        return started_;
    }

private:
    MetricsShard& shard_;
    Stage stage_;
    core::TimePoint started_;
    bool running_{true};
};
using StageClock = BasicStageClock<>;

}  // namespace reverse_proxy::telemetry
