#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::test_support {

using Labels = std::map<std::string, std::string>;

/// One sample line of the Prometheus text format 0.0.4.
struct Sample {
    std::string name;
    Labels labels;
    double value{0};
};

/// Throws std::runtime_error on a line that is not of the format.
std::vector<Sample> parse_metrics(std::string_view text);

/// Sum of the samples of this name that carry at least these labels; 0 where there is none.
double sum_of(std::vector<Sample> const& samples, std::string_view name, Labels const& labels = {});
/// Number of such samples.
std::size_t samples_of(std::vector<Sample> const& samples, std::string_view name,
                       Labels const& labels = {});

}  // namespace reverse_proxy::test_support
