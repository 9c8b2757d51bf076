#include "tests/support/fault_script.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

namespace reverse_proxy::test_support {
namespace {

constexpr std::array<std::string_view, 34> kKeys{
    "size",           "text",          "echo",
    "status",         "extra",         "keep_alive_timeout",
    "http10",         "interim",       "chunked",
    "until_close",    "trailer",       "lie_length",
    "gate",           "gate_mid",      "gate_content",
    "stall",          "malformed",     "reset_on_request",
    "close_in_head",  "early_keep",    "reset_before_head",
    "reset_mid",      "close_mid",     "close_before_head",
    "close_after",    "early_final",   "close_announced",
    "reset_on_reuse", "ignore_expect", "drip",
    "upgrade",        "delay",         "slow_read",
    "early_half"};

std::string trimmed(std::string const& text) {
    auto const begin = text.find_first_not_of(' ');
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

}  // namespace

FaultScript::FaultScript(std::string_view text) {
    std::istringstream parts{std::string{text}};
    for (std::string part; std::getline(parts, part, ';');) {
        part = trimmed(part);
        if (part.empty()) continue;
        auto const equals = part.find('=');
        auto key = part.substr(0, equals);
        if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
            throw std::invalid_argument{"unknown fault: " + key};
        }
        entries_.emplace_back(std::move(key),
                              equals == std::string::npos ? "" : part.substr(equals + 1));
    }
}

std::optional<std::string> FaultScript::value(std::string_view key) const {
    for (auto const& [name, value] : entries_) {
        if (name == key) return value;
    }
    return std::nullopt;
}

std::vector<std::string> FaultScript::values(std::string_view key) const {
    std::vector<std::string> out;
    for (auto const& [name, value] : entries_) {
        if (name == key) out.push_back(value);
    }
    return out;
}

std::uint64_t FaultScript::number(std::string_view key, std::uint64_t otherwise) const {
    auto const text = value(key);
    return text && !text->empty() ? std::stoull(*text) : otherwise;
}

}  // namespace reverse_proxy::test_support
