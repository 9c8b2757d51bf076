#include "reverse_proxy/telemetry/metrics_doc.hpp"
#include "telemetry/metrics.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

using namespace reverse_proxy::telemetry;

TEST(MetricsDoc, CheckedInFileIsUpToDate) {
    std::ifstream file{METRICS_DOC};
    ASSERT_TRUE(file) << METRICS_DOC;
    std::string const text{std::istreambuf_iterator<char>{file}, {}};
    EXPECT_EQ(text, metrics_markdown()) << "generate docs/metrics.md anew";
}

TEST(MetricsDoc, TableKeepsTheRulesOfPrometheus) {
    std::set<std::string_view> names;
    for (Metric const& row : metrics()) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
        EXPECT_EQ(row.name.ends_with("_total"), row.kind == MetricKind::counter) << row.name;
        EXPECT_TRUE(row.help.ends_with('.')) << row.name;
        EXPECT_EQ(row.help.find_first_of("\n\\"), std::string_view::npos) << row.name;
        bool const times = row.kind == MetricKind::histogram || row.kind == MetricKind::summary;
        EXPECT_TRUE(!times || row.name.ends_with("_seconds")) << row.name;
    }
}
