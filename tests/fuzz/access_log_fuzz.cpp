// A line of the access log: whatever a peer sent, it is one line of printable bytes with our keys
// alone, in either format.
//
// Input: method, target, client, request id, trace id, upstream and error, each ended by `|`.
#include "reverse_proxy/telemetry/access_log.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;
using Json = nlohmann::ordered_json;

std::vector<std::string> expected_keys(bool json, bool with_error) {
    std::vector<std::string> keys{
        "request_id", "trace_id",  "client",      "method",   "path",        "protocol", "status",
        "bytes_in",   "bytes_out", "duration_ms", "upstream", "upstream_ms", "attempts"};
    if (json) keys.insert(keys.begin(), {"ts", "level", "msg"});
    if (with_error) keys.emplace_back("error");
    return keys;
}

/// `time level message key=value key="value" ...` taken apart as a log shipper would.
std::vector<std::string> keys_of_text(std::string_view line) {
    std::vector<std::string> keys;
    std::string word;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (quoted && line[i] == '\\') {
            ++i;
        } else if (line[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && line[i] == ' ') {
            word.clear();
        } else if (!quoted && line[i] == '=') {
            keys.push_back(word);
        } else {
            word += line[i];
        }
    }
    require(!quoted, "a quote that does not end", line);
    return keys;
}

std::vector<std::string> keys_of_json(Json const& line) {
    std::vector<std::string> keys;
    for (auto const& [key, value] : line.items())
        keys.push_back(key);
    return keys;
}

bool is_utf8(std::string_view text) {
    Json const value = text;
    try {
        static_cast<void>(value.dump());
        return true;
    } catch (Json::exception const&) {
        return false;
    }
}

void check_json(std::string_view line, telemetry::AccessRecord const& record, bool with_query) {
    // Control characters of either kind, and what ends a line in Unicode.
    for (std::size_t i = 0; i < line.size(); ++i) {
        auto const byte = static_cast<unsigned char>(line[i]);
        require(byte >= 0x20 && byte != 0x7F, "a control byte", line);
        require(!line.substr(i).starts_with("\xe2\x80\xa8") &&
                    !line.substr(i).starts_with("\xe2\x80\xa9"),
                "a line separator", line);
        bool const c1 =
            byte == 0xC2 && i + 1 < line.size() && static_cast<unsigned char>(line[i + 1]) < 0xA0;
        require(!c1, "a C1 control", line);
    }
    Json const parsed = Json::parse(line, nullptr, false);
    require(parsed.is_object(), "no JSON object", line);
    require(keys_of_json(parsed) == expected_keys(true, !record.error.empty()), "other keys", line);
    auto const check = [&](char const* key, std::string_view value) {
        if (is_utf8(value)) require(parsed[key] == value, "a value read differently", line);
    };
    check("method", record.method);
    check("client", record.client);
    check("upstream", record.upstream);
    check("request_id", record.request_id);
    check("path", with_query ? record.target : record.target.substr(0, record.target.find('?')));
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Input input{data, size};
    telemetry::AccessRecord record;
    record.method = input.until("|");
    record.target = input.until("|");
    record.client = input.until("|");
    record.request_id = input.until("|");
    record.trace_id = input.until("|");
    record.upstream = input.until("|");
    record.error = input.until("|");
    std::string_view const numbers = input.rest();
    record.status = static_cast<unsigned>(numbers.size());
    record.bytes_in = numbers.size() << 40U;
    auto const now = std::chrono::system_clock::time_point{std::chrono::seconds{1'795'000'000}};
    for (bool const with_query : {false, true}) {
        telemetry::AccessLog json{false, with_query, true};
        check_json(json.format(record, now), record, with_query);
        telemetry::AccessLog text{false, with_query, false};
        std::string_view const line = text.format(record, now);
        require(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 0x7F; }),
                "a byte that is not printable", line);
        require(keys_of_text(line) == expected_keys(false, !record.error.empty()), "other keys",
                line);
    }
    return 0;
}
