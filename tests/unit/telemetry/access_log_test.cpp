#include "reverse_proxy/telemetry/access_log.hpp"
#include "reverse_proxy/telemetry/log.hpp"
#include "stuck_stdout.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <thread>

using namespace reverse_proxy::telemetry;
using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

system_clock::time_point const kMoment = sys_days{2026y / November / 24} + 10h + 123ms;

AccessRecord record() {
    AccessRecord record;
    record.request_id = "0af7651916cd43dd";
    record.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    record.client = "192.0.2.7";
    record.method = "GET";
    record.target = "/users/42?token=secret";
    record.status = 200;
    record.bytes_in = 12;
    record.bytes_out = 3456;
    record.duration = 12'345'678ns;
    record.upstream = "127.0.0.1:9000";
    record.upstream_latency = 11ms;
    record.attempts = 2;
    return record;
}

}  // namespace

TEST(AccessLog, JsonHasTheKeysOfTheContractInOrder) {
    AccessLog log{true, false, true};
    EXPECT_EQ(log.format(record(), kMoment),
              R"({"ts":"2026-11-24T10:00:00.123Z","level":"info","msg":"access",)"
              R"("request_id":"0af7651916cd43dd","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",)"
              R"("client":"192.0.2.7","method":"GET","path":"/users/42","protocol":"HTTP/1.1",)"
              R"("status":200,"bytes_in":12,"bytes_out":3456,"duration_ms":12.346,)"
              R"("upstream":"127.0.0.1:9000","upstream_ms":11.000,"attempts":2})");
}

TEST(AccessLog, TextHasTheSameKeys) {
    AccessLog log{true, false, false};
    EXPECT_EQ(log.format(record(), kMoment),
              "2026-11-24T10:00:00.123Z info access request_id=0af7651916cd43dd "
              "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 client=192.0.2.7 method=GET "
              "path=/users/42 protocol=HTTP/1.1 status=200 bytes_in=12 bytes_out=3456 "
              "duration_ms=12.346 upstream=127.0.0.1:9000 upstream_ms=11.000 attempts=2");
}

TEST(AccessLog, ErrorIsThereOnFailureAlone) {
    AccessLog log{true, false, true};
    AccessRecord failed = record();
    failed.status = 502;
    failed.error = "connection_refused";
    failed.minor_version = 0;
    auto const line = nlohmann::json::parse(log.format(failed, kMoment));
    EXPECT_EQ(line.at("error"), "connection_refused");
    EXPECT_EQ(line.at("protocol"), "HTTP/1.0");
    EXPECT_FALSE(nlohmann::json::parse(log.format(record(), kMoment)).contains("error"));
}

TEST(AccessLog, QueryIsLoggedOnlyWhereAskedFor) {
    AccessLog without{true, false, true};
    EXPECT_EQ(without.format(record(), kMoment).find("secret"), std::string_view::npos);
    AccessLog with{true, true, true};
    EXPECT_EQ(nlohmann::json::parse(with.format(record(), kMoment)).at("path"),
              "/users/42?token=secret");
}

TEST(AccessLog, WhatAPeerSentStaysInItsValue) {
    std::string const evil = "/a\n{\"msg\":\"forged\"}\" status=200 \xff\x1b[2J";
    AccessRecord hostile = record();
    hostile.target = evil;
    hostile.method = "G\"ET";
    for (bool const json : {false, true}) {
        AccessLog log{true, false, json};
        std::string const line{log.format(hostile, kMoment)};
        for (char const byte : line)
            EXPECT_TRUE(byte >= 0x20 && byte < 0x7f);
        if (json) {
            EXPECT_EQ(nlohmann::json::parse(line).at("method"), "G\"ET");
            EXPECT_EQ(nlohmann::json::parse(line).at("status"), 200);
        } else {
            EXPECT_NE(line.find(R"(path="/a\x0a{\"msg\":\"forged\"}\" status=200 \xff\x1b[2J" )"),
                      std::string::npos);
        }
    }
}

TEST(AccessLog, FormatsIntoTheSameBuffer) {
    AccessLog log{true, false, true};
    char const* const first = log.format(record(), kMoment).data();
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(log.format(record(), kMoment + milliseconds{i}).data(), first);
}

TEST(AccessLog, WritesWhateverTheLevelAndNothingWhereDisabled) {
    testing::internal::CaptureStdout();
    start_logging(LogLevel::error, true);
    AccessLog{true, false, true}.write(record());
    AccessLog{false, false, true}.write(record());
    EXPECT_TRUE(stop_logging(std::chrono::seconds{30}));
    std::string const out = testing::internal::GetCapturedStdout();
    ASSERT_FALSE(out.empty());
    EXPECT_EQ(out.find('\n'), out.size() - 1);
    EXPECT_EQ(nlohmann::json::parse(out).at("path"), "/users/42");
}

TEST(AccessLog, WritesNothingBeforeTheLogIsStarted) {
    AccessLog log{true, false, true};
    log.write(record());
    testing::internal::CaptureStdout();
    start_logging(LogLevel::info, true);
    EXPECT_TRUE(stop_logging(std::chrono::seconds{30}));
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(AccessLog, LineAfterAPauseAndFlushedLinesComeWithoutAnythingElse) {
    StuckStdout out;
    start_logging(LogLevel::info, true);
    AccessLog log{true, false, true};
    log.write(record());
    EXPECT_EQ(out.read_lines(1), 1U);
    for (int i = 0; i < 10; ++i)
        log.write(record());
    log.flush();
    EXPECT_EQ(out.read_lines(10), 10U);
    log.flush();
    out.start_reading();
    EXPECT_TRUE(stop_logging(std::chrono::seconds{30}));
    EXPECT_EQ(out.finish(), 0U);
}

TEST(AccessLog, EveryWorkersLinesAreWrittenOrCounted) {
    constexpr std::size_t kLines = 10'000;
    std::uint64_t const dropped_before = log_lines_dropped();
    StuckStdout out;
    start_logging(LogLevel::info, true);
    auto const work = [] {
        AccessLog log{true, false, true};
        for (std::size_t i = 0; i < kLines; ++i)
            log.write(record());
    };
    std::thread first{work};
    std::thread second{work};
    first.join();  // nobody reads, and yet it ends
    second.join();
    EXPECT_GT(log_lines_dropped(), dropped_before);
    out.start_reading();
    EXPECT_TRUE(stop_logging(std::chrono::seconds{30}));
    EXPECT_EQ(out.finish() + (log_lines_dropped() - dropped_before), 2 * kLines);
}
