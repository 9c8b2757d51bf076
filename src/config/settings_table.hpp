#pragma once

#include "config/value_text.hpp"
#include "reverse_proxy/config/settings.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace reverse_proxy::config {

inline constexpr std::string_view kPrefix = "REVERSE_PROXY_";

enum class Kind : std::uint8_t { number, boolean, text, list, secret };

/// A setting's value as --print-config writes it: lists joined by commas, a secret as `***`.
using SettingValue = std::variant<bool, std::uint64_t, std::string>;

/// One row: all that is known of a setting. Its default is what a default-constructed Settings
/// holds.
struct Setting {
    std::string_view group{};  // heading under which it is explained
    std::string_view name{};   // without kPrefix
    Kind kind{};
    std::string_view unit{};  // "ms", "s", "bytes", "%", "" for counts
    std::uint64_t min{};      // of a number
    std::uint64_t max{};
    std::string_view forms{};  // what is allowed where it is not a number
    std::string_view help{};   // meaning, and what happens at the bound

    /// Writes the value to the settings, or says what is wrong with it and leaves them as they are.
    std::vector<Problem> (*read)(Setting const&, std::string_view, Settings&){};
    SettingValue (*value)(Settings const&){};

    [[nodiscard]] std::string full_name() const;
    /// For mistakes and docs: the range with its unit, or the forms.
    [[nodiscard]] std::string allowed() const;
};

/// Every setting, in the order of the documentation; a group's rows stand together.
std::span<Setting const> settings_table();

/// `***`, 65536, true, "a,b" as plain text.
std::string text_of(SettingValue const& value);

}  // namespace reverse_proxy::config
