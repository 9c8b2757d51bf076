#include "tests/support/metrics_text.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace reverse_proxy::test_support {
namespace {

[[noreturn]] void refuse(std::string const& line) {
    throw std::runtime_error{"not a sample line: " + line};
}

/// Reads `name="value",...}` from `at` on; returns the position behind the brace.
std::size_t parse_labels(std::string const& line, std::size_t at, Labels& labels) {
    while (line.at(at) != '}') {
        auto const equals = line.find("=\"", at);
        if (equals == std::string::npos) refuse(line);
        auto const name = line.substr(at, equals - at);
        std::string value;
        for (at = equals + 2; line.at(at) != '"'; ++at) {
            if (line[at] == '\\') {
                ++at;
                value.push_back(line.at(at) == 'n' ? '\n' : line.at(at));
            } else {
                value.push_back(line[at]);
            }
        }
        labels[name] = value;
        ++at;
        if (line.at(at) == ',') ++at;
    }
    return at + 1;
}

Sample parse_sample(std::string const& line) {
    Sample sample;
    auto at = line.find_first_of("{ ");
    if (at == std::string::npos || at == 0) refuse(line);
    sample.name = line.substr(0, at);
    if (line[at] == '{') at = parse_labels(line, at + 1, sample.labels);
    sample.value = std::stod(line.substr(at));
    return sample;
}

bool carries(Sample const& sample, std::string_view name, Labels const& labels) {
    return sample.name == name &&
           std::all_of(labels.begin(), labels.end(), [&](auto const& wanted) {
               auto const found = sample.labels.find(wanted.first);
               return found != sample.labels.end() && found->second == wanted.second;
           });
}

}  // namespace

std::vector<Sample> parse_metrics(std::string_view text) {
    std::vector<Sample> samples;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && line[0] != '#') samples.push_back(parse_sample(line));
    }
    return samples;
}

double sum_of(std::vector<Sample> const& samples, std::string_view name, Labels const& labels) {
    double sum = 0;
    for (auto const& sample : samples) {
        if (carries(sample, name, labels)) sum += sample.value;
    }
    return sum;
}

std::size_t samples_of(std::vector<Sample> const& samples, std::string_view name,
                       Labels const& labels) {
    return static_cast<std::size_t>(
        std::count_if(samples.begin(), samples.end(),
                      [&](Sample const& sample) { return carries(sample, name, labels); }));
}

}  // namespace reverse_proxy::test_support
