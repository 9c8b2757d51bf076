#pragma once

#include "config/settings_table.hpp"
#include "reverse_proxy/config/exit_code.hpp"

#include <string>
#include <string_view>

// The wording that --help, the manual page and docs/configuration.md share.
namespace reverse_proxy::config {

struct ExitCodeMeaning {
    int code;
    std::string_view meaning;
};

inline constexpr ExitCodeMeaning kExitCodes[] = {
    {exit_code::kClean, "stopped by a signal, also where the drain had to cut requests"},
    {exit_code::kFailure, "stopped at once by a second signal, or another failure"},
    {exit_code::kBadCommandLine, "bad command line"},
    {exit_code::kCannotListen, "an address cannot be listened on, for instance one in use"},
    {exit_code::kBadConfiguration, "bad configuration"},
};

/// As in a mistake, but for a reader who knows how lists and booleans are written.
inline std::string forms_of(Setting const& setting) {
    if (setting.kind == Kind::boolean) return "true or false";
    return (setting.kind == Kind::list ? "list of " : "") + setting.allowed();
}

inline std::string default_of(Setting const& setting) {
    if (setting.name == "UPSTREAMS") return "required";
    auto text = text_of(setting.value(Settings{}));
    return text.empty() ? "empty" : text;
}

/// `Default: 10000 ms. Allowed: 1 to 86400000 ms.`
inline std::string default_and_range(Setting const& setting) {
    bool const has_unit = setting.kind == Kind::number && !setting.unit.empty();
    return "Default: " + default_of(setting) +
           (has_unit ? ' ' + std::string{setting.unit} : std::string{}) +
           ". Allowed: " + forms_of(setting) + '.';
}

}  // namespace reverse_proxy::config
