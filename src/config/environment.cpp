#include "reverse_proxy/config/environment.hpp"

#include "config/secret_file.hpp"
#include "config/settings_table.hpp"
#include "config/validate.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <string_view>
#include <unordered_map>

namespace reverse_proxy::config {

namespace {

constexpr std::string_view kFileSuffix = "_FILE";

std::string file_name_of(Setting const& setting) {
    return setting.full_name() + std::string{kFileSuffix};
}

std::string mistake(std::string_view name, Problem const& problem, std::string_view allowed) {
    std::string line{name};
    line += ": ";
    line += problem.what;
    line += ", given ";
    line += problem.given;
    line += ", allowed: ";
    line += allowed;
    return line;
}

/// Levenshtein's: the least number of letters put in, taken out or changed.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            std::size_t const above = row[j + 1];
            std::size_t const changed = diagonal + (a[i] == b[j] ? 0 : 1);
            row[j + 1] = std::min({changed, above + 1, row[j] + 1});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string upper_case(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

/// Every name that may be set.
std::vector<std::string> known_names() {
    std::vector<std::string> names;
    for (auto const& setting : settings_table()) {
        names.push_back(setting.full_name());
        if (setting.kind == Kind::secret) names.push_back(file_name_of(setting));
    }
    return names;
}

/// The value is not shown: it may be that of a secret whose name was mistyped.
std::string unknown_name_mistake(std::string_view name, std::vector<std::string> const& known) {
    // Longer than every known name; keeps the comparison short whatever the name.
    constexpr std::size_t kComparedBytes = 80;
    auto const compared = upper_case(name.substr(0, kComparedBytes));
    auto const nearest = std::min_element(
        known.begin(), known.end(), [&](std::string const& a, std::string const& b) {
            return edit_distance(compared, a) < edit_distance(compared, b);
        });
    auto printable = shown(name);
    // A name goes bare in front of its mistake where it needs no escaping and is not cut.
    if (printable.size() == name.size() + 2) printable = printable.substr(1, name.size());
    return printable + ": is not a known setting, nearest is " + *nearest +
           ", allowed: the names in --help";
}

/// One run over the environment.
class Reader {
public:
    Reader(Environment const& environment, bool upstreams_required)
        : upstreams_required_{upstreams_required} {
        for (auto const& [name, value] : environment) {
            // Also the empty ones, so that an empty first entry is not replaced by a second.
            if (std::string_view{name}.substr(0, kPrefix.size()) == kPrefix)
                values_.emplace(name, value);
        }
    }

    std::variant<Settings, Mistakes> run() {
        for (auto const& setting : settings_table()) {
            if (setting.kind == Kind::secret)
                read_secret(setting);
            else if (auto const* value = value_of(setting.full_name()))
                read_value(setting, setting.full_name(), *value);
            else if (upstreams_required_ && setting.name == "UPSTREAMS")
                report(setting, setting.full_name(), {"is required", "nothing"}, setting.allowed());
        }
        report_conflicts();
        report_unknown_names();
        if (!mistakes_.empty()) return std::move(mistakes_);
        return std::move(settings_);
    }

private:
    /// Nothing where the variable is unset or empty.
    [[nodiscard]] std::string const* value_of(std::string const& name) const {
        auto const found = values_.find(name);
        return found == values_.end() || found->second.empty() ? nullptr : &found->second;
    }

    void report(Setting const& setting, std::string const& name, Problem const& problem,
                std::string_view allowed) {
        mistaken_.insert(setting.name);
        mistakes_.push_back(mistake(name, problem, allowed));
    }

    void read_value(Setting const& setting, std::string const& name, std::string_view value) {
        for (auto const& problem : setting.read(setting, value, settings_))
            report(setting, name, problem, setting.allowed());
    }

    void read_secret(Setting const& setting) {
        auto const name = setting.full_name();
        auto const file_name = file_name_of(setting);
        auto const* value = value_of(name);
        auto const* path = value_of(file_name);
        if (value != nullptr && path != nullptr) {
            report(setting, name, {"is set beside " + file_name, "both"}, "one of the two");
        } else if (value != nullptr) {
            read_value(setting, name, *value);
        } else if (path != nullptr) {
            auto const content = read_secret_file(*path);
            if (auto const* problem = std::get_if<Problem>(&content))
                report(setting, file_name, *problem, kSecretFileForm);
            else
                read_value(setting, file_name, std::get<std::string>(content));
        }
    }

    /// A conflict with a setting that could not be read would be with its default, which the
    /// operator did not mean.
    void report_conflicts() {
        for (auto const& conflict : validate(settings_)) {
            bool const is_known =
                std::any_of(conflict.names.begin(), conflict.names.end(),
                            [this](auto name) { return mistaken_.contains(name); });
            if (is_known) continue;
            std::string line{kPrefix};
            line += conflict.names.front();
            line += ": ";
            line += conflict.what;
            line += ", allowed: ";
            line += conflict.allowed;
            mistakes_.push_back(std::move(line));
        }
    }

    void report_unknown_names() {
        auto const known = known_names();
        std::set<std::string_view> unknown;  // sorted, so that runs can be compared
        for (auto const& [name, value] : values_) {
            bool const is_known = std::find(known.begin(), known.end(), name) != known.end();
            if (!is_known && !value.empty()) unknown.insert(name);
        }
        for (auto const name : unknown)
            mistakes_.push_back(unknown_name_mistake(name, known));
    }

    bool upstreams_required_;
    std::unordered_map<std::string, std::string> values_;
    Settings settings_;
    Mistakes mistakes_;
    std::set<std::string_view> mistaken_;  // settings named in mistakes_
};

}  // namespace

Environment environment_of(char const* const* entries) {
    Environment environment;
    for (; *entries != nullptr; ++entries) {
        std::string_view const entry{*entries};
        if (entry.substr(0, kPrefix.size()) != kPrefix) continue;
        auto const equals = entry.find('=');
        if (equals == std::string_view::npos) continue;
        environment.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
    }
    return environment;
}

std::variant<Settings, Mistakes> read_environment(Environment const& environment,
                                                  bool upstreams_required) {
    return Reader{environment, upstreams_required}.run();
}

}  // namespace reverse_proxy::config
