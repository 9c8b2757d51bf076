#pragma once

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

namespace reverse_proxy::telemetry {

/// The samples of a Prometheus text: `name{label="value",...}` -> value as text.
inline std::map<std::string, std::string> samples_of(std::string const& exposition) {
    std::map<std::string, std::string> samples;
    std::istringstream in{exposition};
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line.front() == '#') continue;
        auto const space = line.rfind(' ');
        bool const fresh = samples.emplace(line.substr(0, space), line.substr(space + 1)).second;
        EXPECT_TRUE(fresh) << "twice: " << line;
    }
    return samples;
}

}  // namespace reverse_proxy::telemetry
