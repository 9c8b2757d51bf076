#pragma once

#include "reverse_proxy/config/exit_code.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace reverse_proxy::config {

/// What the command line asks for.
enum class Action : std::uint8_t { run, help, version, check_config, print_config, healthcheck };

struct CommandLine {
    Action action{Action::run};
    bool demo{false};  // bring two origins along and proxy to them
};

/// A command line that cannot be understood: one message for standard error, and how to exit.
struct UsageError {
    std::string text;  // ends with a line end
    int exit_code{exit_code::kBadCommandLine};
};

/// Reads argv, whose first entry is the program. There are flags alone; settings come from the
/// environment. Of --help and --version the first named here wins over everything else.
std::variant<CommandLine, UsageError> parse_command_line(int argc, char const* const* argv);

/// `0.1.0`
std::string_view version();

}  // namespace reverse_proxy::config
