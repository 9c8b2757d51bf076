#pragma once

#include "reverse_proxy/config/settings.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

// The config room turns what the operator wrote (environment, command line) into Settings, once,
// before anything else starts. Every other room is given its part of them and never asks again.
namespace reverse_proxy::config {

/// Names and values; of a name that occurs twice the first counts, as with getenv(3).
using Environment = std::vector<std::pair<std::string, std::string>>;

/// What is wrong, one line each: `REVERSE_PROXY_X: problem, given "value", allowed: forms`.
/// Control bytes are escaped, long values cut, secrets never shown.
using Mistakes = std::vector<std::string>;

/// The entries of environ(7) (NULL-terminated) whose names begin with REVERSE_PROXY_.
Environment environment_of(char const* const* entries);

/// Reads every REVERSE_PROXY_ variable; other names are ignored. An empty value is as good as none.
/// Touches no file but the one that `REVERSE_PROXY_METRICS_BEARER_TOKEN_FILE` names.
///
/// @param upstreams_required  false with --demo, which brings its own
/// @return Settings that have passed validate(), or all that is wrong with them, in the order of
/// the settings table and then the unknown names
std::variant<Settings, Mistakes> read_environment(Environment const& environment,
                                                  bool upstreams_required);

}  // namespace reverse_proxy::config
