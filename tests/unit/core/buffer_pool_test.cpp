#include "reverse_proxy/core/buffer_pool.hpp"
#include "tests/support/os.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <new>

using namespace reverse_proxy::core;
using reverse_proxy::test_support::os::is_mapped;

TEST(BufferPool, CapacityIsTheNextPowerOfTwoFrom512) {
    struct Case {
        std::size_t asked;
        std::size_t given;
    };
    BufferPool pool;
    for (Case const& c : {Case{0, 512}, Case{1, 512}, Case{512, 512}, Case{513, 1024},
                          Case{1024, 1024}, Case{65'537, 131'072}}) {
        PooledBuffer const buffer = pool.take(c.asked);
        EXPECT_EQ(buffer.capacity(), c.given) << c.asked;
        ASSERT_NE(buffer.data(), nullptr);
        std::memset(buffer.data(), 1, buffer.capacity());
    }
}

TEST(BufferPool, MoreThanTheLargestClassIsRefused) {
    BufferPool pool;
    EXPECT_THROW(static_cast<void>(pool.take((std::size_t{1} << 30) + 1)), std::bad_alloc);
}

TEST(BufferPool, SameClassIsUsedAgain) {
    if (!kRecycleMemory) GTEST_SKIP() << "buffers are not recycled under sanitizers";
    BufferPool pool;
    char* first = nullptr;
    {
        PooledBuffer const buffer = pool.take(700);
        first = buffer.data();
    }
    PooledBuffer const other_class = pool.take(100);
    EXPECT_NE(other_class.data(), first);
    PooledBuffer const again = pool.take(1024);
    EXPECT_EQ(again.data(), first);
    PooledBuffer const another = pool.take(1024);
    EXPECT_NE(another.data(), first);
}

TEST(BufferPool, TrimGivesBackWhatLiesUnused) {
    if (!kRecycleMemory) GTEST_SKIP() << "buffers are not recycled under sanitizers";
    BufferPool pool;
    PooledBuffer const kept = pool.take(4096);
    char* const gone = pool.take(512).data();
    pool.trim();
    EXPECT_TRUE(is_mapped(gone));  // it was in use since the pool was made
    pool.trim();
    EXPECT_FALSE(is_mapped(gone));
    std::memset(kept.data(), 1, kept.capacity());
}

TEST(PooledBuffer, EmptyOneHasNothing) {
    PooledBuffer buffer;
    EXPECT_FALSE(buffer);
    EXPECT_EQ(buffer.data(), nullptr);
    EXPECT_EQ(buffer.capacity(), 0U);
    buffer.reset();
    EXPECT_FALSE(buffer);
}

TEST(PooledBuffer, MoveLeavesNothingBehind) {
    BufferPool pool;
    PooledBuffer a = pool.take(2000);
    char* const block = a.data();
    PooledBuffer b = std::move(a);
    EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): emptiness is promised
    EXPECT_EQ(b.data(), block);
    EXPECT_EQ(b.capacity(), 2048U);
}

TEST(PooledBuffer, AssignmentReturnsWhatWasHeld) {
    if (!kRecycleMemory) GTEST_SKIP() << "buffers are not recycled under sanitizers";
    BufferPool pool;
    PooledBuffer a = pool.take(512);
    PooledBuffer b = pool.take(4096);
    char* const small = a.data();
    char* const large = b.data();
    a = std::move(b);
    EXPECT_EQ(a.data(), large);
    EXPECT_EQ(a.capacity(), 4096U);
    EXPECT_EQ(pool.take(512).data(), small);
    PooledBuffer& self = a;
    a = std::move(self);
    EXPECT_EQ(a.data(), large);
}

TEST(PooledBuffer, ResetReturnsItOnce) {
    if (!kRecycleMemory) GTEST_SKIP() << "buffers are not recycled under sanitizers";
    BufferPool pool;
    PooledBuffer buffer = pool.take(512);
    char* const block = buffer.data();
    buffer.reset();
    buffer.reset();
    PooledBuffer const first = pool.take(512);
    PooledBuffer const second = pool.take(512);
    EXPECT_EQ(first.data(), block);
    EXPECT_NE(second.data(), block);
}
