#include "reverse_proxy/telemetry/log.hpp"
#include "stuck_stdout.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace reverse_proxy::telemetry;

namespace {

/// Standard output while `write` runs between start and stop.
template <typename Write> std::string logged(LogLevel level, bool json, Write write) {
    testing::internal::CaptureStdout();
    start_logging(level, json);
    write();
    EXPECT_TRUE(stop_logging(std::chrono::seconds{30}));
    return testing::internal::GetCapturedStdout();
}

std::vector<std::string> lines_of(std::string const& text) {
    std::istringstream in{text};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

}  // namespace

TEST(Log, TextLine) {
    std::string const out = logged(LogLevel::info, false, [] {
        log(LogLevel::info, "listening", {{"address", "0.0.0.0:8000"}, {"note", "two words"}});
    });
    ASSERT_GT(out.size(), 24U);
    EXPECT_EQ(out[10], 'T');
    EXPECT_EQ(out[23], 'Z');
    EXPECT_EQ(out.substr(24), " info listening address=0.0.0.0:8000 note=\"two words\"\n");
}

TEST(Log, JsonLine) {
    std::string const out = logged(LogLevel::info, true, [] {
        log(LogLevel::error, "cannot resolve", {{"name", "a\nb"}});
    });
    auto const line = nlohmann::json::parse(out);
    EXPECT_EQ(line.at("level"), "error");
    EXPECT_EQ(line.at("msg"), "cannot resolve");
    EXPECT_EQ(line.at("name"), "a\nb");
    EXPECT_EQ(line.at("ts").get<std::string>().size(), 24U);
    EXPECT_EQ(lines_of(out).size(), 1U);
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
    std::string const out = logged(LogLevel::warn, false, [] {
        EXPECT_FALSE(log_enabled(LogLevel::info));
        EXPECT_TRUE(log_enabled(LogLevel::warn));
        log(LogLevel::info, "no");
        log(LogLevel::warn, "yes");
    });
    ASSERT_EQ(lines_of(out).size(), 1U);
    EXPECT_NE(out.find(" warn yes"), std::string::npos);
}

TEST(Log, WithoutAQueueWarningsGoToStandardError) {
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    log(LogLevel::info, "nowhere");
    log(LogLevel::warn, "seen", {{"k", "v"}});
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    std::string const err = testing::internal::GetCapturedStderr();
    EXPECT_NE(err.find(" warn seen k=v\n"), std::string::npos);
    EXPECT_EQ(err.find("nowhere"), std::string::npos);
}

TEST(Log, LinesOfManyThreadsStayWhole) {
    constexpr int kThreads = 4;
    constexpr int kLines = 500;
    std::string const out = logged(LogLevel::info, true, [] {
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t)
            threads.emplace_back([t] {
                for (int i = 0; i < kLines; ++i)
                    log(LogLevel::info, "line",
                        {{"id", std::to_string(t) + "/" + std::to_string(i)}});
            });
        for (auto& thread : threads)
            thread.join();
    });
    std::set<std::string> ids;
    for (auto const& line : lines_of(out))
        ids.insert(nlohmann::json::parse(line).at("id").get<std::string>());
    EXPECT_EQ(ids.size(), std::size_t{kThreads} * kLines);
}

TEST(Log, FullQueueDropsAndCountsAndNeverBlocks) {
    constexpr std::size_t kLines = 30'000;
    std::uint64_t const dropped_before = log_lines_dropped();
    StuckStdout out;
    start_logging(LogLevel::info, false);
    // Nobody reads: what fits in the pipe (64 KiB) and the queue (8192 lines) is far less than
    // this.
    std::string const value(100, 'x');
    for (std::size_t i = 0; i < kLines; ++i)
        log(LogLevel::info, "line", {{"value", value}});
    std::uint64_t const dropped = log_lines_dropped() - dropped_before;
    out.start_reading();
    EXPECT_TRUE(stop_logging(std::chrono::seconds{30}));
    EXPECT_EQ(out.finish() + dropped, kLines);
    EXPECT_GT(dropped, 10'000U);
    EXPECT_EQ(log_lines_dropped() - dropped_before, dropped) << "still counted after stop_logging";
}

TEST(Log, StartsAgainAfterAStop) {
    for (int i = 0; i < 3; ++i) {
        auto const out = logged(LogLevel::info, false, [] { log(LogLevel::info, "again"); });
        EXPECT_EQ(lines_of(out).size(), 1U);
    }
    EXPECT_TRUE(stop_logging(std::chrono::seconds{30}));  // a second one does nothing
}

TEST(Log, LevelNames) {
    EXPECT_EQ(log_level("trace"), LogLevel::trace);
    EXPECT_EQ(log_level("debug"), LogLevel::debug);
    EXPECT_EQ(log_level("info"), LogLevel::info);
    EXPECT_EQ(log_level("warn"), LogLevel::warn);
    EXPECT_EQ(log_level("error"), LogLevel::error);
}
