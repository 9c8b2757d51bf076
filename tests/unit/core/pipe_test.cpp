#include "tests/unit/core/loop.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

using namespace reverse_proxy::core;
using namespace reverse_proxy::core::test;

TEST(Pipe, CarriesBytesFromSocketToSocket) {
    Loop loop;
    Stream from{loop, kReadable};
    Stream to{loop};
    Pipe pipe = loop.io.pipes.take();
    ASSERT_TRUE(pipe);
    from.peer.send("hello world");
    IoResult const filled = pipe.fill(from.socket, 5);
    EXPECT_EQ(filled.status, IoResult::Status::ok);
    EXPECT_EQ(filled.bytes, 5U);
    EXPECT_EQ(pipe.held(), 5U);
    EXPECT_EQ(pipe.drain(to.socket).bytes, 5U);
    EXPECT_EQ(pipe.held(), 0U);
    EXPECT_EQ(to.peer.receive(), "hello");
}

TEST(Pipe, TellsAnEmptySocketFromAClosedOne) {
    Loop loop;
    Stream from{loop, kReadable};
    Pipe pipe = loop.io.pipes.take();
    EXPECT_EQ(pipe.fill(from.socket, 5).status, IoResult::Status::would_block);
    EXPECT_FALSE(from.socket.ready(kReadable));
    from.peer.close();
    EXPECT_EQ(pipe.fill(from.socket, 5).status, IoResult::Status::end_of_stream);
}

TEST(Pipe, OnlyAnEmptyOneIsUsedAgain) {
    Loop loop;
    Stream from{loop, kReadable};
    Stream to{loop};
    from.peer.send("secret");
    {
        Pipe pipe = loop.io.pipes.take();
        ASSERT_EQ(pipe.fill(from.socket, 6).bytes, 6U);
    }
    Pipe pipe = loop.io.pipes.take();
    from.peer.send("x");
    ASSERT_EQ(pipe.fill(from.socket, 1).bytes, 1U);
    EXPECT_EQ(pipe.drain(to.socket).bytes, 1U);
    EXPECT_EQ(to.peer.receive(), "x");
}

TEST(PipePool, IsBoundedAndTakesThemBack) {
    PipePool pool;
    std::vector<Pipe> pipes;
    for (std::size_t i = 0; i < PipePool::kMostPipes; ++i) {
        pipes.push_back(pool.take());
        ASSERT_TRUE(pipes.back());
    }
    EXPECT_FALSE(pool.take());
    pipes.pop_back();
    EXPECT_TRUE(pool.take());
    pipes.clear();
    for (int i = 0; i < 10; ++i)
        pool.trim();
    for (std::size_t i = 0; i < PipePool::kMostPipes; ++i) {
        pipes.push_back(pool.take());
        ASSERT_TRUE(pipes.back());
    }
}
