// The environment: it becomes settings that print and read back as themselves, or mistakes that can
// be shown to anybody. Never a crash, never a secret in a text.
//
// Input: one byte whose lowest bit says that upstreams are required, then lines `NAME=value`, names
// without REVERSE_PROXY_.
#include "reverse_proxy/config/environment.hpp"
#include "reverse_proxy/config/settings_report.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;
using Json = nlohmann::ordered_json;

constexpr std::string_view kPrefix = "REVERSE_PROXY_";
constexpr std::string_view kToken = "REVERSE_PROXY_METRICS_BEARER_TOKEN";
constexpr std::string_view kFields = "REVERSE_PROXY_OTLP_HEADERS";
/// Stands in inputs for a secret, so that it can be looked for.
constexpr std::string_view kMark = "s3cr3t";

/// As environ(7) has it: no NUL within an entry. Without the names of files, which would be opened.
/// At most 16: looking for the nearest of each unknown name is slow under the sanitizers.
std::vector<std::string> entries_of(Input& input) {
    std::vector<std::string> entries;
    while (!input.empty() && entries.size() < 16) {
        std::string_view const line = input.until("\n");
        std::string entry{line.substr(0, line.find('\0'))};
        if (entry.substr(0, entry.find('=')).ends_with("_FILE")) continue;
        entries.push_back(std::string{kPrefix} + entry);
    }
    return entries;
}

config::Environment environment_of(std::vector<std::string> const& entries) {
    std::vector<char const*> pointers;
    for (std::string const& entry : entries)
        pointers.push_back(entry.c_str());
    pointers.push_back(nullptr);
    return config::environment_of(pointers.data());
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F; });
}

/// What --print-config says, as an environment again.
config::Environment environment_of(Json const& printed, std::string const& token) {
    config::Environment environment;
    for (auto const& [name, value] : printed.items()) {
        std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        if (name == kToken) text = token;
        if (name == kFields && !text.empty()) text = "name=value";  // any will do
        environment.emplace_back(name, text);
    }
    return environment;
}

void check_settings(config::Settings const& settings) {
    std::string const printed = config::settings_json(settings);
    std::string const& token = settings.telemetry.metrics_bearer_token;
    Json const json = Json::parse(printed, nullptr, false);
    require(json.is_object(), "--print-config is no JSON", printed);
    require(json.at(std::string{kToken}) == (token.empty() ? "" : "***"), "the secret is printed",
            printed);
    auto const again = config::read_environment(environment_of(json, token), false);
    require(std::holds_alternative<config::Settings>(again), "what is printed is refused", printed);
    require(config::settings_json(std::get<config::Settings>(again)) == printed,
            "what is printed is read differently", printed);

    auto const changed = config::changed_settings(settings);
    for (std::string const& name : changed)
        require(json.contains(name), "a changed setting that does not exist", name);
    require(settings.client.max_header_bytes >= 1024 && settings.client.max_header_count >= 1 &&
                settings.client.max_in_flight >= 1 && settings.listener.max_connections >= 1 &&
                settings.retry.max_attempts >= 1 && settings.retry.budget_percent <= 100 &&
                !settings.listener.listen.empty() && settings.health.path.starts_with('/'),
            "a setting out of its range", printed);
}

void check_mistakes(config::Mistakes const& mistakes, bool token_is_secret) {
    require(!mistakes.empty(), "refused without a reason");
    for (std::string const& line : mistakes) {
        require(is_printable(line), "a mistake with control bytes", line);
        require(line.find(": ") != std::string::npos, "a mistake without a name", line);
        require(line.size() < 1024, "an endless mistake", line);
        if (token_is_secret)
            require(line.find(kMark) == std::string::npos, "a secret in a mistake", line);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Input input{data, size};
    bool const upstreams_required = (input.byte() & 1U) != 0;
    std::vector<std::string> const entries = entries_of(input);
    config::Environment const environment = environment_of(entries);
    for (auto const& [name, value] : environment)
        require(name.starts_with(kPrefix), "a name of another program", name);
    // Only secrets' values hold the mark, so that it may show up nowhere.
    bool const token_is_secret =
        std::all_of(environment.begin(), environment.end(), [](auto const& entry) {
            return entry.first == kToken || entry.first == kFields ||
                   (entry.second.find(kMark) == std::string::npos &&
                    entry.first.find(kMark) == std::string::npos);
        });
    auto const result = config::read_environment(environment, upstreams_required);
    if (auto const* settings = std::get_if<config::Settings>(&result)) {
        require(!upstreams_required || !settings->upstream.upstreams.empty(), "no upstreams");
        check_settings(*settings);
    } else {
        check_mistakes(std::get<config::Mistakes>(result), token_is_secret);
    }
    return 0;
}
