#include "reverse_proxy/config/settings_doc.hpp"

#include "config/command_options.hpp"
#include "config/setting_text.hpp"
#include "config/settings_table.hpp"

#include <algorithm>
#include <string_view>

namespace reverse_proxy::config {

namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

This page is generated from the table in `src/config/settings_table.cpp`; write it anew with
`build/dev/tests/tools/render_docs configuration > docs/configuration.md`. `reverse-proxy --help` prints the same table.

Everything is set by environment variables that begin with `REVERSE_PROXY_`. They are read once, at start.

* **Unset.** An empty value is as good as none: the default holds.
* **Numbers** are decimal digits alone, without sign or unit; the name ends in the unit (`_MS` milliseconds,
  `_SECS` and `_SECONDS` seconds, `_BYTES` bytes). Blanks around a value are ignored.
* **Booleans** are `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off`, in any case.
* **Lists** are separated by commas. Blanks around an entry and empty entries are ignored; at most 1024 entries.
  An entry cannot hold a comma: in an upstream's prefix write `%2C`.
* **Secrets** can come from a file: `REVERSE_PROXY_METRICS_BEARER_TOKEN_FILE=/path` reads the token from there, at most
  64 KiB, without its last line end. Setting the variable and its `_FILE` at once is a mistake. Only secrets have a
  `_FILE`.
* **Mistakes.** Nothing starts with a bad configuration. Every mistake is listed in one run, a line each, as
  `NAME: what is wrong, given "value", allowed: range or forms`, and the exit code is 78. A variable that begins with
  `REVERSE_PROXY_` and is not known is a mistake too and is answered with the nearest known name. Values of secrets
  are never shown.
* **Before a start**, `reverse-proxy --check-config` says whether the settings are valid and opens no socket;
  `--print-config` prints what they amount to as JSON.

A status code in brackets is what the client gets where the limit is reached.
)";

/// Breaks at blanks so that no line is longer than a terminal of 80 columns shows.
std::string wrapped(std::string_view text, std::size_t indent) {
    constexpr std::size_t columns = 80;
    std::string out;
    std::size_t used = columns;
    while (!text.empty()) {
        auto const word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        if (used + 1 + word.size() > columns) {
            if (!out.empty()) out += '\n';
            out.append(indent, ' ');
            used = indent;
        } else {
            out += ' ';
            ++used;
        }
        out += word;
        used += word.size();
    }
    return out + '\n';
}

std::string help_for(Setting const& setting) {
    constexpr std::size_t indent = 6;
    std::string out = "  " + setting.full_name();
    if (setting.kind == Kind::secret)
        out += ", or in a file:\n  " + setting.full_name() + "_FILE=/path";
    out += '\n' + wrapped(setting.help, indent);
    out += wrapped(default_and_range(setting), indent);
    return out;
}

/// A cell of a Markdown table; what Markdown would take for markup is escaped.
std::string cell(std::string_view text) {
    std::string out;
    for (char const c : text) {
        if (c == '|' || c == '*' || c == '<' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string code(std::string_view text) {
    return '`' + std::string{text} + '`';
}

std::string row_for(Setting const& setting) {
    std::string names = code(setting.full_name());
    if (setting.kind == Kind::secret) names += ", " + code(setting.full_name() + "_FILE");
    auto value = default_of(setting);
    if (value != "required" && value != "empty") value = code(value);
    auto const range = setting.kind == Kind::number
                           ? std::to_string(setting.min) + " to " + std::to_string(setting.max)
                           : cell(forms_of(setting));
    return "| " + names + " | " + value + " | " + range + " | " + std::string{setting.unit} +
           " | " + cell(setting.help) + " |\n";
}

}  // namespace

std::string help_text() {
    constexpr std::size_t indent = 6;
    std::string out =
        "Usage: reverse-proxy [--check-config | --print-config | --healthcheck] [--demo]\n\n"
        "An HTTP reverse proxy, configured by environment variables:\n\n"
        "  REVERSE_PROXY_UPSTREAMS=http://127.0.0.1:9000 reverse-proxy\n\nOptions:\n";
    for (auto const& option : kCommandOptions)
        out += "  " + std::string{option.flags} + '\n' + wrapped(option.help, indent);

    out += "\nExit codes:\n";
    for (auto const& [number, meaning] : kExitCodes) {
        auto const digits = std::to_string(number);
        out += "  " + digits + std::string(indent - 2 - digits.size(), ' ') + std::string{meaning} +
               '\n';
    }

    out += "\nVariables (empty means unset; a list is separated by commas; times and sizes are\n"
           "plain numbers in the unit named; a status in brackets is what the client gets):\n";
    std::string_view group;
    for (auto const& setting : settings_table()) {
        if (setting.group != group) {
            group = setting.group;
            out += '\n' + std::string{group} + "\n\n";
        }
        out += help_for(setting);
    }
    return out;
}

std::string configuration_markdown() {
    std::string out{kIntroduction};
    std::string_view group;
    for (auto const& setting : settings_table()) {
        if (setting.group != group) {
            group = setting.group;
            out += "\n## " + std::string{group} +
                   "\n\n| variable | default | allowed | unit | meaning |\n"
                   "| --- | --- | --- | --- | --- |\n";
        }
        out += row_for(setting);
    }
    out += "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n";
    for (auto const& [number, meaning] : kExitCodes)
        out += "| " + std::to_string(number) + " | " + std::string{meaning} + " |\n";
    return out;
}

}  // namespace reverse_proxy::config
