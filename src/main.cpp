#include "reverse_proxy/config/command_line.hpp"
#include "reverse_proxy/config/environment.hpp"
#include "reverse_proxy/config/exit_code.hpp"
#include "reverse_proxy/config/settings_doc.hpp"
#include "reverse_proxy/config/settings_report.hpp"
#include "reverse_proxy/platform/process.hpp"
#include "reverse_proxy/server/demo_origin.hpp"
#include "reverse_proxy/server/self_check.hpp"
#include "reverse_proxy/server/server.hpp"
#include "reverse_proxy/telemetry/log.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <variant>

namespace {

using namespace reverse_proxy;
namespace exit_code = config::exit_code;

void print(std::FILE* file, std::string const& text) {
    std::fwrite(text.data(), 1, text.size(), file);
}

int serve(config::Settings const& settings) {
    telemetry::start_logging(telemetry::log_level(settings.telemetry.log_level),
                             settings.telemetry.log_format == "json");
    platform::ignore_stray_signals();
    int code = exit_code::kFailure;
    try {
        server::Server server{settings};
        code = server.run();
    } catch (server::ListenError const& error) {
        telemetry::log(telemetry::LogLevel::error, error.what());
        code = exit_code::kCannotListen;
    } catch (std::exception const& error) {
        telemetry::log(telemetry::LogLevel::error, "cannot go on", {{"error", error.what()}});
    }
    // Nobody reads standard output: the log's thread stays where it is, so nothing is taken down.
    if (!telemetry::stop_logging()) std::_Exit(code);
    return code;
}

int healthcheck(config::Settings const& settings) {
    constexpr std::chrono::seconds kBound{3};  // as --help says
    auto const problem = server::self_check(settings.listener, kBound);
    if (!problem) return exit_code::kClean;
    print(stderr, "unhealthy: " + *problem + '\n');
    return exit_code::kFailure;
}

int run(config::CommandLine const& command, config::Settings settings) {
    switch (command.action) {
    case config::Action::check_config:
        print(stdout, "configuration is valid\n");
        return exit_code::kClean;
    case config::Action::print_config:
        print(stdout, config::settings_json(settings) + "\n");
        return exit_code::kClean;
    case config::Action::healthcheck:
        return healthcheck(settings);
    default:
        break;
    }
    if (!command.demo) return serve(settings);
    server::DemoOrigin const first{"demo origin 1"};
    server::DemoOrigin const second{"demo origin 2"};
    settings.upstream.upstreams.clear();
    for (auto const* origin : {&first, &second}) {
        config::UpstreamUrl url;
        url.host = "127.0.0.1";
        url.port = origin->port();
        url.host_is_address = true;
        url.authority = "127.0.0.1:" + std::to_string(url.port);
        settings.upstream.upstreams.push_back(url);
    }
    return serve(settings);
}

}  // namespace

int main(int argc, char** argv) {
    auto const parsed = config::parse_command_line(argc, argv);
    if (auto const* error = std::get_if<config::UsageError>(&parsed)) {
        print(stderr, error->text);
        return error->exit_code;
    }
    auto const& command = std::get<config::CommandLine>(parsed);
    if (command.action == config::Action::help) {
        print(stdout, config::help_text());
        return exit_code::kClean;
    }
    if (command.action == config::Action::version) {
        print(stdout, "reverse-proxy " + std::string{config::version()} + "\n");
        return exit_code::kClean;
    }
    bool const upstreams_required = !command.demo && command.action != config::Action::healthcheck;
    auto const read = config::read_environment(config::environment_of(platform::environment()),
                                               upstreams_required);
    if (auto const* mistakes = std::get_if<config::Mistakes>(&read)) {
        for (std::string const& mistake : *mistakes)
            print(stderr, mistake + "\n");
        return exit_code::kBadConfiguration;
    }
    return run(command, std::get<config::Settings>(read));
}
