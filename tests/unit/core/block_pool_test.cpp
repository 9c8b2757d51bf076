#include "reverse_proxy/core/block_pool.hpp"
#include "reverse_proxy/platform/memory.hpp"
#include "tests/support/os.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <vector>

using reverse_proxy::core::BlockPool;
using reverse_proxy::core::kRecycleMemory;
using reverse_proxy::test_support::os::is_mapped;

namespace {

constexpr std::size_t kSlab = reverse_proxy::platform::kSlabBytes;

class BlockPoolTest : public testing::TestWithParam<std::size_t> {
protected:
    void SetUp() override {
        if (!kRecycleMemory) GTEST_SKIP() << "memory is not recycled under sanitizers";
    }
    void TearDown() override { pool_.clear(); }

    std::vector<char*> take(std::size_t count) {
        std::vector<char*> blocks(count);
        for (char*& block : blocks)
            block = static_cast<char*>(pool_.take());
        return blocks;
    }
    void give(std::vector<char*> const& blocks) {
        for (char* block : blocks)
            pool_.give(block);
    }
    /// What was in use since the trim before is kept, and each gives back so many at most.
    void forget() {
        for (std::size_t i = 0; i < 2 + many_ / BlockPool::kMostAtOnce; ++i)
            pool_.trim();
    }

    BlockPool pool_{GetParam()};
    /// Of more than 32 slabs, where there are slabs.
    std::size_t many_{32 * kSlab / GetParam() + 1};
};

class SlabTest : public BlockPoolTest {};

std::uintptr_t slab_of(char const* block) {
    return reinterpret_cast<std::uintptr_t>(block) / kSlab;
}

}  // namespace

TEST_P(BlockPoolTest, BlocksInUseDoNotOverlap) {
    std::size_t const size = GetParam();
    std::vector<char*> const blocks = take(many_);
    for (std::size_t i = 0; i < blocks.size(); ++i)
        std::memset(blocks[i], static_cast<int>(i % 100), size);
    for (std::size_t i = 0; i < blocks.size(); ++i)
        EXPECT_TRUE(std::all_of(blocks[i], blocks[i] + size,
                                [i](char byte) { return byte == static_cast<char>(i % 100); }));
    give(blocks);
}

TEST_P(BlockPoolTest, BlocksAreAlignedForAnyType) {
    std::vector<char*> const blocks = take(10);
    for (char const* block : blocks)
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0U);
    give(blocks);
}

TEST_P(BlockPoolTest, LastInIsFirstOut) {
    std::vector<char*> const blocks = take(3);
    give(blocks);
    EXPECT_EQ(take(3), (std::vector{blocks[2], blocks[1], blocks[0]}));
    give(blocks);
}

TEST_P(SlabTest, ABurstIsForgotten) {
    std::vector<char*> const blocks = take(many_);
    give(blocks);
    EXPECT_TRUE(std::all_of(blocks.begin(), blocks.end(), is_mapped));
    forget();
    EXPECT_TRUE(std::none_of(blocks.begin(), blocks.end(), is_mapped));
}

TEST_P(SlabTest, WhatStaysInUseKeepsItsOwnSlabAlone) {
    std::vector<char*> blocks = take(many_);
    char* const lasting = blocks[many_ / 2];
    std::erase(blocks, lasting);
    give(blocks);
    *lasting = 'x';
    forget();
    for (char const* block : blocks)
        EXPECT_EQ(is_mapped(block), slab_of(block) == slab_of(lasting));
    EXPECT_EQ(*lasting, 'x');

    pool_.give(lasting);
    forget();
    EXPECT_FALSE(is_mapped(lasting));
}

TEST_P(SlabTest, WhatSteadyWorkNeedsIsKept) {
    std::vector<char*> const blocks = take(many_);
    give(blocks);
    for (int i = 0; i < 4; ++i) {
        pool_.trim();
        give(take(many_ / 2));
    }
    pool_.trim();
    EXPECT_GE(std::count_if(blocks.begin(), blocks.end(), is_mapped),
              static_cast<std::ptrdiff_t>(many_ / 2));

    // And no longer than work goes on.
    pool_.trim();
    forget();
    EXPECT_TRUE(std::none_of(blocks.begin(), blocks.end(), is_mapped));
}

TEST_P(SlabTest, AfterClearItForgetsAsWell) {
    std::vector<char*> blocks = take(many_);
    std::vector<char*> in_use;
    for (std::size_t i = 0; i < many_; ++i)
        i % 2 == 0 ? in_use.push_back(blocks[i]) : pool_.give(blocks[i]);
    forget();
    give(in_use);
    pool_.clear();

    blocks = take(many_ / 4);  // fewer than it could not give back before
    give(blocks);
    forget();
    EXPECT_TRUE(std::none_of(blocks.begin(), blocks.end(), is_mapped));
}

TEST(BlockPool, ABurstOfManyIsForgottenBitByBit) {
    if (!kRecycleMemory) GTEST_SKIP() << "memory is not recycled under sanitizers";
    BlockPool pool{1024};
    std::vector<char*> blocks(3 * BlockPool::kMostAtOnce);
    for (char*& block : blocks)
        block = static_cast<char*>(pool.take());
    for (char* block : blocks)
        pool.give(block);
    pool.trim();
    for (std::size_t left = 3; left > 0; --left) {
        pool.trim();
        auto const mapped =
            static_cast<std::size_t>(std::count_if(blocks.begin(), blocks.end(), is_mapped));
        // Whole slabs alone go, so a few blocks more stay.
        EXPECT_GE(mapped, (left - 1) * BlockPool::kMostAtOnce);
        EXPECT_LE(mapped, (left - 1) * BlockPool::kMostAtOnce + 3 * kSlab / 1024);
    }
    pool.trim();
    EXPECT_TRUE(std::none_of(blocks.begin(), blocks.end(), is_mapped));
}

TEST(BlockPool, LargeBlocksAreForgottenToo) {
    if (!kRecycleMemory) GTEST_SKIP() << "memory is not recycled under sanitizers";
    // So large that the heap has it from the system and gives it back there.
    BlockPool pool{std::size_t{64} * 1024 * 1024};
    void* const block = pool.take();
    pool.give(block);
    pool.trim();
    EXPECT_TRUE(is_mapped(block));
    pool.trim();
    EXPECT_FALSE(is_mapped(block));
}

TEST_P(SlabTest, WorkThatGoesOnAfterABurstDrawsTogether) {
    std::vector<char*> const blocks = take(many_);
    std::size_t const per_slab = kSlab / GetParam();
    // Two of each slab are still in use when the rest is free.
    std::vector<char*> in_use;
    for (std::size_t i = 0; i < many_; ++i)
        i % (per_slab / 2) == 0 ? in_use.push_back(blocks[i]) : pool_.give(blocks[i]);
    std::mt19937 random{42};
    for (int second = 0; second < 20; ++second) {
        std::shuffle(in_use.begin(), in_use.end(), random);
        for (std::size_t i = 0; i < in_use.size() / 2; ++i)
            pool_.give(in_use[i]);
        pool_.trim();
        for (std::size_t i = 0; i < in_use.size() / 2; ++i)
            in_use[i] = static_cast<char*>(pool_.take());
    }
    std::set<std::uintptr_t> slabs;
    for (char* block : blocks) {
        if (is_mapped(block)) slabs.insert(slab_of(block));
    }
    // As many as hold these blocks, and few that are being filled or have just become free.
    EXPECT_LE(slabs.size(), in_use.size() / (per_slab - 1) + 3);
    give(in_use);
}

TEST_P(SlabTest, ClearLeavesNothing) {
    std::vector<char*> const blocks = take(many_);
    give(blocks);
    pool_.clear();
    EXPECT_TRUE(std::none_of(blocks.begin(), blocks.end(), is_mapped));
    std::vector<char*> const anew = take(2);
    std::memset(anew[1], 1, GetParam());
    give(anew);
}

INSTANTIATE_TEST_SUITE_P(Sizes, BlockPoolTest,
                         testing::Values(64, 1984, BlockPool::kLargestInSlab,
                                         2 * BlockPool::kLargestInSlab),
                         testing::PrintToStringParamName{});
INSTANTIATE_TEST_SUITE_P(Sizes, SlabTest, testing::Values(64, 1984, BlockPool::kLargestInSlab),
                         testing::PrintToStringParamName{});
