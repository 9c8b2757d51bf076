#pragma once

#include "reverse_proxy/config/settings.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace reverse_proxy::server {

/// The address at which a daemon with these settings answers /healthz: the first of ADMIN_LISTEN,
/// or of LISTEN where that is empty; a wildcard as the loopback address of its family.
config::ListenAddress own_health_address(config::ListenerSettings const& settings);

/// Asks a daemon with these settings, in another process of this host, for /healthz
/// (--healthcheck).
///
/// Waits at most `bound`, a name's look-up included. A look-up cannot be ended, so past the bound a
/// thread is left behind, and the process had better end.
/// @return what is wrong, or nothing where the daemon answered 200
std::optional<std::string> self_check(config::ListenerSettings const& settings,
                                      std::chrono::milliseconds bound);

}  // namespace reverse_proxy::server
