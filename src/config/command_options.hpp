#pragma once

#include <string_view>

namespace reverse_proxy::config {

/// A flag as --help and the parser both know it.
struct CommandOption {
    std::string_view flags;
    std::string_view help;
};

inline constexpr CommandOption kHelpOption{"-h,--help", "Print this page and exit."};
inline constexpr CommandOption kVersionOption{"--version", "Print the version and exit."};
inline constexpr CommandOption kCheckOption{
    "--check-config", "Check the settings, opening no socket: one line and exit code 0 where they "
                      "are valid, else what is wrong and 78."};
inline constexpr CommandOption kPrintOption{
    "--print-config", "Print the effective settings as one JSON object, secrets as ***, and exit."};
inline constexpr CommandOption kHealthcheckOption{
    "--healthcheck",
    "Ask the daemon that runs with these settings on this host for /healthz, at the first address "
    "of ADMIN_LISTEN, else of LISTEN. Exit code 0 where it answers 200 within 3 seconds, else 1."};
inline constexpr CommandOption kDemoOption{
    "--demo",
    "Start two small origins inside the process and proxy to them; no setting is needed."};

inline constexpr CommandOption kCommandOptions[] = {kHelpOption,  kVersionOption,     kCheckOption,
                                                    kPrintOption, kHealthcheckOption, kDemoOption};

}  // namespace reverse_proxy::config
