#include "reverse_proxy/config/settings_report.hpp"

#include "config/settings_table.hpp"

#include <nlohmann/json.hpp>

namespace reverse_proxy::config {

std::string settings_json(Settings const& settings) {
    constexpr int indent = 2;
    auto json = nlohmann::ordered_json::object();
    for (auto const& setting : settings_table())
        std::visit([&](auto const& value) { json[setting.full_name()] = value; },
                   setting.value(settings));
    // A socket's path may hold any byte; what is not UTF-8 is replaced rather than thrown at.
    return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::vector<std::string> changed_settings(Settings const& settings) {
    Settings const defaults;
    std::vector<std::string> names;
    for (auto const& setting : settings_table()) {
        if (setting.value(settings) != setting.value(defaults))
            names.push_back(setting.full_name());
    }
    return names;
}

}  // namespace reverse_proxy::config
