#include "reverse_proxy/core/block_pool.hpp"
#include "reverse_proxy/core/frame_pool.hpp"
#include "tests/support/os.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

using reverse_proxy::core::FramePool;
using reverse_proxy::test_support::os::is_mapped;

namespace {

class FramePoolTest : public testing::Test {
protected:
    void SetUp() override {
        if (!reverse_proxy::core::kRecycleMemory)
            GTEST_SKIP() << "frames are not recycled under sanitizers";
        FramePool::clear();
    }
};

}  // namespace

TEST_F(FramePoolTest, SameSizeClassIsUsedAgainLastInFirstOut) {
    void* const a = FramePool::allocate(129);
    void* const b = FramePool::allocate(192);
    FramePool::release(a, 129);
    FramePool::release(b, 192);
    EXPECT_EQ(FramePool::allocate(130), b);
    EXPECT_EQ(FramePool::allocate(191), a);
    FramePool::release(a, 191);
    FramePool::release(b, 130);
}

TEST_F(FramePoolTest, OtherSizeClassesAreNotMixedUp) {
    void* const small = FramePool::allocate(128);
    FramePool::release(small, 128);
    void* const larger = FramePool::allocate(129);
    EXPECT_NE(larger, small);
    std::memset(larger, 1, 192);  // the whole class is ours
    FramePool::release(larger, 129);
    EXPECT_EQ(FramePool::allocate(65), small);
    FramePool::release(small, 65);
}

TEST_F(FramePoolTest, FramesInUseDoNotOverlap) {
    std::vector<char*> frames;
    for (int i = 0; i < 50; ++i) {
        auto* const frame = static_cast<char*>(FramePool::allocate(64));
        std::memset(frame, i, 64);
        frames.push_back(frame);
    }
    for (int i = 0; i < 50; ++i) {
        char* const frame = frames[static_cast<std::size_t>(i)];
        EXPECT_TRUE(std::all_of(frame, frame + 64, [i](char c) { return c == i; }));
        FramePool::release(frame, 64);
    }
}

TEST_F(FramePoolTest, TrimGivesBackWhatLiesUnused) {
    std::vector<void*> const frames{FramePool::allocate(1000), FramePool::allocate(64)};
    FramePool::release(frames[0], 1000);
    FramePool::release(frames[1], 64);
    for (std::size_t turn = 0; turn < 2 * FramePool::kTurns; ++turn)
        FramePool::trim(turn);
    EXPECT_FALSE(is_mapped(frames[0]));
    EXPECT_FALSE(is_mapped(frames[1]));
}

TEST(FramePool, LargeFramesComeFromTheHeapAndGoBack) {
    void* const frame = FramePool::allocate(5000);
    std::memset(frame, 1, 5000);
    FramePool::release(frame, 5000);
    FramePool::trim(0);
}
