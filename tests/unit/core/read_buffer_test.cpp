#include "tests/unit/core/loop.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy::core;
using Status = IoResult::Status;
using test::pattern;

namespace {

class ReadBufferTest : public testing::Test {
protected:
    /// A connection: its stream and what was received on it.
    struct Connection {
        explicit Connection(test::Loop& loop)
            : stream{loop}, in{loop.io.scratch, loop.io.buffers} {}
        IoResult receive(std::string_view bytes, std::size_t most = Scratch::kSize) {
            if (!bytes.empty()) stream.peer.send(bytes);
            return in.fill(stream.socket, most);
        }
        test::Stream stream;
        ReadBuffer in;
    };

    test::Loop loop;
    Connection a{loop};
    Connection b{loop};
    Connection c{loop};
};

}  // namespace

TEST_F(ReadBufferTest, FillsInOneRead) {
    EXPECT_TRUE(a.in.empty());
    IoResult const result = a.receive("hello");
    EXPECT_EQ(result.status, Status::ok);
    EXPECT_EQ(result.bytes, 5U);
    EXPECT_EQ(a.in.data(), "hello");
    EXPECT_EQ(a.receive("").status, Status::would_block);
    EXPECT_EQ(a.in.data(), "hello");
}

TEST_F(ReadBufferTest, ReadsAtMostWhatIsAsked) {
    EXPECT_EQ(a.receive("hello", 2).bytes, 2U);
    EXPECT_EQ(a.in.data(), "he");
    EXPECT_EQ(a.receive("", 1).bytes, 1U);
    EXPECT_EQ(a.in.data(), "hel");
    EXPECT_EQ(a.receive("").bytes, 2U);
    EXPECT_EQ(a.in.data(), "hello");
}

TEST_F(ReadBufferTest, EndOfStreamLeavesUnreadBytes) {
    a.receive("rest");
    a.stream.peer.finish();
    EXPECT_EQ(a.receive("").status, Status::end_of_stream);
    EXPECT_EQ(a.in.data(), "rest");
    a.in.consume(4);
    EXPECT_EQ(a.receive("").status, Status::end_of_stream);
    EXPECT_TRUE(a.in.empty());
}

TEST_F(ReadBufferTest, UnreadBytesOutliveReadsOfOthers) {
    std::string const of_a = pattern(70'000);
    a.receive(of_a);
    ASSERT_EQ(a.in.data(), of_a);
    b.receive("bytes of b");
    EXPECT_EQ(a.in.data(), of_a);
    EXPECT_EQ(b.in.data(), "bytes of b");
    c.receive("bytes of c");
    EXPECT_EQ(a.in.data(), of_a);
    EXPECT_EQ(b.in.data(), "bytes of b");
    EXPECT_EQ(c.in.data(), "bytes of c");
}

TEST_F(ReadBufferTest, OnlyUnreadBytesMoveOut) {
    a.receive("0123456789");
    a.in.consume(6);
    b.receive("b");
    EXPECT_EQ(a.in.data(), "6789");
    a.in.consume(4);
    EXPECT_TRUE(a.in.empty());
    EXPECT_EQ(b.in.data(), "b");
}

TEST_F(ReadBufferTest, MovedOutBytesGrowBehindThemselves) {
    std::string expected = pattern(3000);
    a.receive(expected);
    b.receive("evicts a");
    for (int round = 0; round < 20; ++round) {
        std::string const more = pattern(7000 + static_cast<std::size_t>(round));
        expected += more;
        EXPECT_EQ(a.receive(more).bytes, more.size());
        ASSERT_EQ(a.in.data(), expected);
        c.receive("x");
    }
    EXPECT_EQ(b.in.data(), "evicts a");
    EXPECT_EQ(c.in.data(), std::string(20, 'x'));
}

TEST_F(ReadBufferTest, ConsumedFrontIsUsedAgain) {
    a.receive(pattern(4000));
    b.receive("evicts a");
    // A steady flow through a buffer of its own: what is consumed makes room.
    std::string expected = pattern(4000);
    for (int round = 0; round < 50; ++round) {
        a.in.consume(3000);
        expected.erase(0, 3000);
        std::string const more = pattern(3000);
        a.receive(more);
        expected += more;
        ASSERT_EQ(a.in.data(), expected);
    }
}

TEST_F(ReadBufferTest, ReadsBehindUnreadBytesInTheScratch) {
    a.receive("one ");
    char const* const place = a.in.data().data();
    a.receive("two ");
    a.in.consume(4);
    a.receive("three");
    EXPECT_EQ(a.in.data(), "two three");
    EXPECT_EQ(a.in.data().data(), place + 4) << "nothing was copied";
}

TEST_F(ReadBufferTest, FullScratchMovesOut) {
    // Fill the scratch to its last byte, in as many reads as the stream needs.
    std::string expected;
    while (expected.size() < Scratch::kSize) {
        std::string const more =
            pattern(std::min<std::size_t>(Scratch::kSize - expected.size(), 30'001));
        ASSERT_EQ(a.receive(more).bytes, more.size());
        expected += more;
    }
    ASSERT_EQ(a.in.data(), expected);
    a.receive("and one more");
    EXPECT_EQ(a.in.data(), expected + "and one more");
    b.receive("b has the scratch now");
    EXPECT_EQ(a.in.data(), expected + "and one more");
    EXPECT_EQ(b.in.data(), "b has the scratch now");
}

TEST_F(ReadBufferTest, SlicesLiveUntilTheNextFill) {
    a.receive("head|content");
    std::string_view const head = a.in.data().substr(0, 5);
    a.in.consume(5);
    std::string_view const content = a.in.data();
    a.in.consume(content.size());
    EXPECT_TRUE(a.in.empty());
    EXPECT_EQ(head, "head|");
    EXPECT_EQ(content, "content");
}

TEST_F(ReadBufferTest, SlicesOfABufferOfItsOwnLiveUntilTheNextFillToo) {
    a.receive("head|content");
    b.receive("evicts a");
    std::string_view const head = a.in.data().substr(0, 5);
    a.in.consume(5);
    std::string_view const content = a.in.data();
    a.in.consume(content.size());
    char const* const block = head.data();
    EXPECT_EQ(head, "head|");
    EXPECT_EQ(content, "content");
    PooledBuffer const other = loop.io.buffers.take(12);
    EXPECT_NE(other.data(), block) << "the memory is not given back by consume()";
}

TEST_F(ReadBufferTest, ReleaseGivesEmptyMemoryBackAndKeepsTheRest) {
    a.receive("0123");
    b.receive("evicts a");
    char const* const block = a.in.data().data();
    a.in.consume(2);
    a.in.release();
    EXPECT_EQ(a.in.data(), "23");
    a.in.consume(2);
    a.in.release();
    EXPECT_TRUE(a.in.empty());
    PooledBuffer const taken = loop.io.buffers.take(4);
    EXPECT_TRUE(!kRecycleMemory || taken.data() == block);
    a.receive("again");
    EXPECT_EQ(a.in.data(), "again");
    EXPECT_EQ(b.in.data(), "evicts a");
}

TEST_F(ReadBufferTest, FailedFillOfAnEmptyOneTakesNothingFromOthers) {
    a.receive("of a");
    EXPECT_EQ(b.receive("").status, Status::would_block);
    EXPECT_TRUE(b.in.empty());
    EXPECT_EQ(a.in.data(), "of a");
    c.receive("of c");
    EXPECT_EQ(a.in.data(), "of a");
    EXPECT_EQ(c.in.data(), "of c");
}

TEST_F(ReadBufferTest, OwnerOfTheScratchMayDie) {
    {
        Connection short_lived{loop};
        short_lived.receive("gone");
    }
    a.receive("of a");
    {
        Connection short_lived{loop};
        short_lived.receive("gone too");
    }
    EXPECT_EQ(a.in.data(), "of a");
    b.receive("of b");
    EXPECT_EQ(a.in.data(), "of a");
    EXPECT_EQ(b.in.data(), "of b");
}

TEST_F(ReadBufferTest, ClearForgetsUnreadBytes) {
    a.receive("nobody wants this");
    a.in.clear();
    EXPECT_TRUE(a.in.empty());
    b.receive("of b");
    a.receive("of a");
    EXPECT_EQ(a.in.data(), "of a");
    EXPECT_EQ(b.in.data(), "of b");
}
