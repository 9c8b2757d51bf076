#include "reverse_proxy/core/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string_view>

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
    std::array<char, 33> text{};
    std::set<char> seen;
    for (int i = 0; i < 100; ++i) {
        text.fill('!');
        random.hex(text.data(), 32);
        EXPECT_EQ(text[32], '!');
        seen.insert(text.begin(), text.begin() + 32);
    }
    std::string_view const digits = "0123456789abcdef";
    EXPECT_EQ(seen, (std::set<char>{digits.begin(), digits.end()}));
}

TEST(Random, HexHasTheBitsOfNext) {
    // Whatever the order, as many digits of each value.
    Random numbers{3};
    Random texts{3};
    for (int i = 0; i < 100; ++i) {
        std::array<char, 16> text{};
        texts.hex(text.data(), text.size());
        std::multiset<char> expected;
        std::uint64_t bits = numbers.next();
        for (int digit = 0; digit < 16; ++digit, bits >>= 4)
            expected.insert("0123456789abcdef"[bits & 15]);
        EXPECT_EQ((std::multiset<char>{text.begin(), text.end()}), expected);
    }
}
