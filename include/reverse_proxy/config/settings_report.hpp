#pragma once

#include "reverse_proxy/config/settings.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::config {

/// One flat JSON object with a line for each setting, `{"REVERSE_PROXY_LISTEN": "...", ...}`:
/// numbers and booleans as such, lists joined by commas, a secret as "***" or, where unset, "".
std::string settings_json(Settings const& settings);

/// Full names of the settings whose value is not the default; for the first line of the log.
std::vector<std::string> changed_settings(Settings const& settings);

}  // namespace reverse_proxy::config
