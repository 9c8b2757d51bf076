#include "reverse_proxy/core/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

using reverse_proxy::core::Random;

TEST(Random, SameSeedSameSequence) {
    Random a{7};
    Random b{7};
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(a.next(), b.next());
}

TEST(Random, KernelSeedsDiffer) {
    EXPECT_NE(Random{}.next(), Random{}.next());
}

TEST(Random, BelowStaysInRangeAndReachesAll) {
    Random random{1};
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i)
        seen.insert(random.below(7));
    EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(random.below(0), 0U);
}

TEST(Random, HexWritesExactlyTheDigitsAsked) {
    Random random{1};
    std::array<char, 34> text{};
    text.fill('!');
    random.hex(text.data(), 33);
    EXPECT_EQ(text[33], '!');
    for (int i = 0; i < 33; ++i)
        EXPECT_TRUE(std::isxdigit(text[static_cast<unsigned>(i)]) != 0);
}
