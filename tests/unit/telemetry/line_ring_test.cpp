#include "telemetry/line_ring.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

using reverse_proxy::telemetry::LineRing;

namespace {

std::string take(LineRing& ring) {
    std::string all;
    ring.take([&](std::string_view bytes) { all += bytes; });
    return all;
}

}  // namespace

TEST(LineRing, GivesBackLinesInOrder) {
    LineRing ring{64};
    EXPECT_EQ(take(ring), "");
    ring.push("one");
    ring.push("");
    ring.push("three");
    EXPECT_EQ(ring.used(), 11U);
    EXPECT_EQ(take(ring), "one\n\nthree\n");
    EXPECT_EQ(ring.used(), 0U);
}

TEST(LineRing, LinesOfEveryLengthSurviveTheWrap) {
    for (std::size_t length = 0; length < 16; ++length) {
        LineRing ring{16};
        for (int i = 0; i < 40; ++i) {
            std::string const line(length, static_cast<char>('a' + i % 26));
            ring.push(line);
            EXPECT_EQ(take(ring), line + '\n');
        }
        EXPECT_EQ(ring.dropped(), 0U);
    }
}

TEST(LineRing, DropsALineThatDoesNotFitWholeAndCountsIt) {
    LineRing ring{16};
    ring.push("0123456789");
    ring.push("01234");
    EXPECT_EQ(ring.dropped(), 1U);
    ring.push("0123");
    ring.push("");
    EXPECT_EQ(ring.dropped(), 2U);
    EXPECT_EQ(take(ring), "0123456789\n0123\n");
    ring.push("0123456789012345");
    EXPECT_EQ(ring.dropped(), 3U) << "longer than the ring";
}

TEST(LineRing, AsksForOneWakeUntilTheReaderCame) {
    LineRing ring{16};
    EXPECT_TRUE(ring.wants_wake());
    EXPECT_FALSE(ring.wants_wake());
    take(ring);
    EXPECT_TRUE(ring.wants_wake());
}

TEST(LineRing, CarriesLinesBetweenThreads) {
    constexpr int kLines = 20'000;
    LineRing ring{1024};
    std::atomic<bool> done{false};
    std::thread writer{[&] {
        for (int i = 0; i < kLines; ++i)
            ring.push("line " + std::to_string(i));
        done.store(true);
    }};
    std::string all;
    bool last = false;
    do {
        last = done.load();
        all += take(ring);
    } while (!last);
    writer.join();

    int lines = 0;
    int before = -1;
    for (std::size_t at = 0; at < all.size(); ++lines) {
        ASSERT_EQ(all.substr(at, 5), "line ");
        std::size_t const end = all.find('\n', at);
        int const number = std::stoi(all.substr(at + 5, end - at - 5));
        EXPECT_GT(number, before);
        before = number;
        at = end + 1;
    }
    EXPECT_EQ(static_cast<std::uint64_t>(lines) + ring.dropped(), std::uint64_t{kLines});
}
