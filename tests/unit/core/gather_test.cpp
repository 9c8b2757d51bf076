#include "tests/unit/core/loop.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace reverse_proxy::core;
using test::pattern;

namespace {

class GatherTest : public testing::Test {
protected:
    Flow send() { return loop.io.gather.send(stream.socket, outbox, loop.io.buffers); }
    /// All that arrives once the outbox has been flushed to its end.
    std::string drain() {
        std::string received = stream.peer.receive();
        for (int turn = 0; turn < 10'000 && !outbox.empty(); ++turn) {
            loop.settle();
            EXPECT_NE(outbox.flush(stream.socket), Flow::broken);
            received += stream.peer.receive();
        }
        return received + stream.peer.receive();
    }

    test::Loop loop;
    test::Stream stream{loop};
    Outbox outbox;
    Gather& gather{loop.io.gather};
};

}  // namespace

TEST_F(GatherTest, NothingCollectedIsNothingSent) {
    EXPECT_TRUE(gather.empty());
    EXPECT_EQ(send(), Flow::done);
    EXPECT_EQ(stream.peer.receive(), "");
}

TEST_F(GatherTest, TextAndContentKeepTheirOrder) {
    std::string const small = pattern(Gather::kCopyLimit);
    std::string const large = pattern(Gather::kCopyLimit + 1);
    gather.text().append("a");
    gather.content(large);
    gather.text().append("b");
    gather.content(small);
    gather.content(large);
    gather.content("");
    gather.content(large);
    gather.text().append("c");
    EXPECT_FALSE(gather.empty());
    EXPECT_EQ(send(), Flow::done);
    EXPECT_TRUE(gather.empty());
    EXPECT_EQ(stream.peer.receive(), "a" + large + "b" + small + large + large + "c");
    EXPECT_EQ(send(), Flow::done) << "it starts anew";
    EXPECT_EQ(stream.peer.receive(), "");
}

TEST_F(GatherTest, LargeContentAloneIsNotEmpty) {
    std::string const large = pattern(10'000);
    gather.content(large);
    EXPECT_FALSE(gather.empty());
    EXPECT_EQ(send(), Flow::done);
    EXPECT_EQ(stream.peer.receive(), large);
}

TEST_F(GatherTest, LargeContentIsReferredToAndSmallIsCopied) {
    std::string large(Gather::kCopyLimit + 1, 'x');
    std::string small(Gather::kCopyLimit, 'x');
    gather.content(large);
    gather.content(small);
    large.assign(large.size(), 'y');
    small.assign(small.size(), 'y');
    EXPECT_EQ(send(), Flow::done);
    EXPECT_EQ(stream.peer.receive(),
              std::string(large.size(), 'y') + std::string(small.size(), 'x'));
}

TEST_F(GatherTest, MorePiecesThanItRefersToKeepTheirOrder) {
    std::vector<std::string> pieces;
    std::string expected;
    for (std::size_t i = 0; i < Gather::kMostPieces + 5; ++i) {
        pieces.push_back(std::string(Gather::kCopyLimit + 1 + i, static_cast<char>('a' + i)));
        std::string const text = "<" + std::to_string(i) + ">";
        gather.text().append(text);
        gather.content(pieces.back());
        expected += text + pieces.back();
    }
    gather.text().append("end");
    Flow const flow = send();
    EXPECT_NE(flow, Flow::broken);
    EXPECT_EQ(drain(), expected + "end");
}

TEST_F(GatherTest, WhatTheSocketDoesNotTakeWaitsInTheOutbox) {
    // Cuts at many places: within texts, within pieces, between them.
    for (std::size_t const first :
         std::initializer_list<std::size_t>{0, 1, 100, 2000, 4097, 5000, 9000, 30'000}) {
        test::Stream narrow{loop};
        narrow.shrink();
        Outbox waiting;
        std::string const head = pattern(first);
        std::string content = pattern(50'000);
        gather.text().append(head);
        gather.content(content);
        gather.text().append("tail");
        EXPECT_EQ(gather.send(narrow.socket, waiting, loop.io.buffers), Flow::blocked);
        EXPECT_FALSE(waiting.empty());
        std::string const expected = head + content + "tail";
        content.assign(content.size(), '#');  // it need not stay any more
        std::string received;
        for (int turn = 0; turn < 10'000 && !waiting.empty(); ++turn) {
            received += narrow.peer.receive();
            EXPECT_EQ(received.size() + waiting.size(), expected.size());
            loop.settle();
            EXPECT_NE(waiting.flush(narrow.socket), Flow::broken);
        }
        EXPECT_EQ(received + narrow.peer.receive(), expected) << first;
    }
}

TEST_F(GatherTest, GoesBehindWhatWaits) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    stream.shrink();
    std::string expected = pattern(20'000);
    gather.text().append(expected);
    ASSERT_EQ(send(), Flow::blocked);
    for (int i = 0; i < 5; ++i) {
        std::string const text = "then " + std::to_string(i) + pattern(5000);
        gather.text().append("+");
        gather.content(text);
        expected += "+" + text;
        EXPECT_EQ(send(), Flow::blocked);
    }
    EXPECT_EQ(drain(), expected);
    gather.text().append("free again");
    EXPECT_EQ(send(), Flow::done);
    EXPECT_EQ(stream.peer.receive(), "free again");
}

TEST_F(GatherTest, SendFlushesWhatWaitsEvenWithNothingNew) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    stream.shrink();
    std::string const bytes = pattern(20'000);
    gather.text().append(bytes);
    ASSERT_EQ(send(), Flow::blocked);
    std::string received;
    Flow flow = Flow::blocked;
    for (int turn = 0; turn < 10'000 && flow == Flow::blocked; ++turn) {
        received += stream.peer.receive();
        loop.settle();
        flow = send();
    }
    EXPECT_EQ(flow, Flow::done);
    EXPECT_EQ(received + stream.peer.receive(), bytes);
}

TEST_F(GatherTest, SocketThatIsNotWritableIsNotTried) {
    stream.socket.not_ready(kWritable);
    gather.text().append("later");
    EXPECT_EQ(send(), Flow::blocked);
    EXPECT_EQ(stream.peer.receive(), "");
    EXPECT_EQ(drain(), "later");
}

TEST_F(GatherTest, ClosedPeerIsBrokenAndTheNextUserStartsClean) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    stream.peer.close();
    std::string const large = pattern(10'000);
    gather.text().append("head");
    gather.content(large);
    EXPECT_EQ(send(), Flow::broken);
    EXPECT_TRUE(outbox.empty());
    EXPECT_TRUE(gather.empty());
    test::Stream other{loop};
    Outbox empty;
    gather.text().append("mine alone");
    EXPECT_EQ(gather.send(other.socket, empty, loop.io.buffers), Flow::done);
    EXPECT_EQ(other.peer.receive(), "mine alone");
}

TEST_F(GatherTest, PeerThatClosesWhileBytesWaitIsBroken) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    stream.shrink();
    gather.text().append(pattern(20'000));
    ASSERT_EQ(send(), Flow::blocked);
    stream.peer.close();
    loop.settle();
    EXPECT_EQ(outbox.flush(stream.socket), Flow::broken);
    gather.text().append("more");
    EXPECT_EQ(send(), Flow::broken);
    EXPECT_TRUE(gather.empty());
}

TEST_F(GatherTest, EmptyOutboxHoldsNoMemory) {
    outbox.append("waits", loop.io.buffers);
    EXPECT_EQ(outbox.size(), 5U);
    EXPECT_EQ(outbox.flush(stream.socket), Flow::done);
    EXPECT_EQ(stream.peer.receive(), "waits");
    EXPECT_TRUE(outbox.empty());
    PooledBuffer const first = loop.io.buffers.take(1);
    Outbox again;
    again.append("x", loop.io.buffers);
    again.clear();
    EXPECT_TRUE(again.empty());
    PooledBuffer const second = loop.io.buffers.take(1);
    EXPECT_NE(first.data(), second.data());
}
