#include "reverse_proxy/config/command_line.hpp"

#include "config/command_options.hpp"

#include <CLI/CLI.hpp>

namespace reverse_proxy::config {

namespace {

void add_flag(CLI::App& app, CommandOption const& option, bool& value) {
    // Neither `--demo=false` nor a flag that takes the next word as its value.
    app.add_flag(std::string{option.flags}, value, std::string{option.help})
        ->disable_flag_override();
}

UsageError usage_error(std::string const& what) {
    return {"reverse-proxy: " + what + "\nTry 'reverse-proxy --help'.\n"};
}

}  // namespace

std::variant<CommandLine, UsageError> parse_command_line(int argc, char const* const* argv) {
    CLI::App app;
    app.set_help_flag();  // CLI11's own knows nothing of the environment
    bool help = false;
    bool version_wanted = false;
    bool check = false;
    bool print = false;
    bool healthcheck = false;
    CommandLine line;
    add_flag(app, kHelpOption, help);
    add_flag(app, kVersionOption, version_wanted);
    add_flag(app, kCheckOption, check);
    add_flag(app, kPrintOption, print);
    add_flag(app, kHealthcheckOption, healthcheck);
    add_flag(app, kDemoOption, line.demo);
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) {
        return usage_error(error.what());
    }

    if (help) {
        line.action = Action::help;
    } else if (version_wanted) {
        line.action = Action::version;
    } else if (check + print + healthcheck > 1) {
        return usage_error("--check-config, --print-config and --healthcheck exclude each other");
    } else if (check) {
        line.action = Action::check_config;
    } else if (print) {
        line.action = Action::print_config;
    } else if (healthcheck) {
        line.action = Action::healthcheck;
    }
    return line;
}

std::string_view version() {
    return REVERSE_PROXY_VERSION;
}

}  // namespace reverse_proxy::config
