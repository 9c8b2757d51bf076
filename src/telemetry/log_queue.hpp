#pragma once

#include "telemetry/line_ring.hpp"

#include <memory>

namespace reverse_proxy::telemetry {

/// Whether start_logging has been called, and stop_logging not.
bool logging_started();
/// A ring whose lines the log's thread writes out, for one worker. It may be made before
/// start_logging; once it is closed, it goes away with its last line.
std::shared_ptr<LineRing> make_line_ring();
/// Makes the log's thread look at the rings soon. Costs a mutex and perhaps a futex: not for each
/// line.
void wake_log_thread();

}  // namespace reverse_proxy::telemetry
