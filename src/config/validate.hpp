#pragma once

#include "reverse_proxy/config/settings.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::config {

/// Settings that are right one by one but cannot work together.
struct Conflict {
    std::vector<std::string_view> names;  // without prefix; the first one is to be blamed
    std::string what;                     // problem and given value
    std::string_view allowed;
};

/// Every conflict, and only what cannot work: a setting without effect is no mistake.
std::vector<Conflict> validate(Settings const& settings);

}  // namespace reverse_proxy::config
