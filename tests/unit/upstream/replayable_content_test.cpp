#include "reverse_proxy/upstream/attempt.hpp"
#include "tests/unit/relay/contents.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::relay::test;
using core::test::pattern;
using upstream::ReplayableContent;
using Kind = Framing::Kind;

namespace {

/// Takes all that is in hand.
State take_all(relay::ContentSource& source, std::string& content) {
    for (;;) {
        relay::ContentSource::Step const step = source.take();
        if (step.state != State::piece) return step.state;
        EXPECT_FALSE(step.piece.empty());
        content += step.piece;
    }
}

/// Content that comes from a client in chunks of its own.
class ReplayableContentTest : public testing::Test {
protected:
    State receive(ReplayableContent& source, std::string_view bytes, std::string& content) {
        incoming.stream.peer.send(bytes);
        loop.settle();
        while (source.socket().ready(core::kReadable) && source.fill(core::Scratch::kSize)) {
            State const state = take_all(source, content);
            if (state != State::need_bytes) return state;
        }
        return State::need_bytes;
    }

    Loop loop;
    Incoming incoming{loop, framing(Kind::chunked)};
};

}  // namespace

TEST_F(ReplayableContentTest, ReplayEqualsTheOriginal) {
    ReplayableContent source{incoming.reader, 100};
    std::string first;
    EXPECT_EQ(receive(source, "5\r\nhello\r\n", first), State::need_bytes);
    EXPECT_EQ(receive(source, "6\r\n world\r\n0\r\n\r\n", first), State::end);
    EXPECT_EQ(first, "hello world");
    for (int attempt = 0; attempt < 3; ++attempt) {
        ASSERT_TRUE(source.replayable());
        source.rewind();
        std::string again;
        EXPECT_EQ(take_all(source, again), State::end);
        EXPECT_EQ(again, "hello world");
    }
}

TEST_F(ReplayableContentTest, ReplayGoesOnWithWhatComesLive) {
    ReplayableContent source{incoming.reader, 100};
    std::string first;
    receive(source, "5\r\nhello\r\n", first);
    source.rewind();
    std::string second;
    EXPECT_EQ(take_all(source, second), State::need_bytes);
    EXPECT_EQ(second, "hello");
    EXPECT_EQ(receive(source, "1\r\n!\r\n", second), State::need_bytes);
    EXPECT_EQ(second, "hello!");
    source.rewind();
    std::string third;
    EXPECT_EQ(take_all(source, third), State::need_bytes);
    EXPECT_EQ(receive(source, "0\r\n\r\n", third), State::end);
    EXPECT_EQ(third, "hello!");
}

TEST_F(ReplayableContentTest, RewindInTheMiddleOfAReplay) {
    ReplayableContent source{incoming.reader, 100};
    std::string first;
    receive(source, "5\r\nhello\r\n0\r\n\r\n", first);
    source.rewind();
    EXPECT_EQ(source.take().piece, "hello");
    source.rewind();
    std::string again;
    EXPECT_EQ(take_all(source, again), State::end);
    EXPECT_EQ(again, "hello");
}

TEST_F(ReplayableContentTest, RemembersUpToItsLimitAndForgetsPastIt) {
    ReplayableContent source{incoming.reader, 10};
    std::string content;
    receive(source, "a\r\n0123456789\r\n", content);
    EXPECT_TRUE(source.replayable()) << "exactly the limit";
    EXPECT_EQ(receive(source, "1\r\nX\r\n4\r\nrest\r\n0\r\n\r\n", content), State::end);
    EXPECT_FALSE(source.replayable());
    EXPECT_EQ(content, "0123456789Xrest") << "what is forgotten was passed on all the same";
}

// A slice that is handed out is sent later: what comes live behind it must not move it.
TEST_F(ReplayableContentTest, WhatIsReplayedStaysWhereItIs) {
    for (std::size_t const limit : {20'000U, 6000U}) {
        Incoming client{loop, framing(Kind::chunked)};
        ReplayableContent source{client.reader, limit};
        std::string const kept = pattern(5000);
        client.stream.peer.send("1388\r\n" + kept + "\r\n");
        loop.settle();
        ASSERT_TRUE(source.fill(core::Scratch::kSize));
        std::string first;
        EXPECT_EQ(take_all(source, first), State::need_bytes);
        client.stream.peer.send("1388\r\n" + pattern(5000) + "\r\n");
        loop.settle();
        ASSERT_TRUE(client.reader.fill(core::Scratch::kSize));  // in hand before the replay begins
        source.rewind();
        relay::ContentSource::Step const replayed = source.take();
        EXPECT_EQ(replayed.piece, kept);
        EXPECT_EQ(source.take().piece, pattern(5000));
        EXPECT_EQ(replayed.piece, kept) << "limit " << limit;
        EXPECT_FALSE(source.replayable()) << "what was not kept cannot be replayed";
    }
}

TEST_F(ReplayableContentTest, OnePieceBeyondTheLimitIsForgotten) {
    ReplayableContent source{incoming.reader, 1000};
    std::string content;
    std::string const large = pattern(5000);
    EXPECT_EQ(receive(source, "1388\r\n" + large + "\r\n0\r\n\r\n", content), State::end);
    EXPECT_FALSE(source.replayable());
    EXPECT_EQ(content, large);
}

TEST_F(ReplayableContentTest, CountsWhatTheClientSentAndNothingTwice) {
    ReplayableContent source{incoming.reader, 10};
    std::string content;
    receive(source, "5\r\nhello\r\n", content);
    source.rewind();
    EXPECT_EQ(source.taken(), 5U) << "also before the next attempt has come as far";
    take_all(source, content);
    EXPECT_EQ(source.taken(), 5U);
    receive(source, "7\r\n, world\r\n0\r\n\r\n", content);
    EXPECT_EQ(source.taken(), 12U);

    Incoming plain{loop, {.kind = Kind::length, .length = 100}};
    ReplayableContent passed_by{plain.reader, 10};
    passed_by.moved_past(60);
    EXPECT_EQ(passed_by.taken(), 60U);
}

TEST_F(ReplayableContentTest, NothingTakenYetIsReplayableAtAnyLimit) {
    ReplayableContent source{incoming.reader, 0};
    EXPECT_TRUE(source.replayable());
    std::string content;
    EXPECT_EQ(receive(source, "0\r\n\r\n", content), State::end);
    EXPECT_TRUE(source.replayable());
    source.rewind();
    EXPECT_EQ(take_all(source, content), State::end);
    EXPECT_EQ(content, "");
}

TEST_F(ReplayableContentTest, TrailersComeAgainToo) {
    ReplayableContent source{incoming.reader, 100};
    std::string content;
    EXPECT_EQ(receive(source, "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n", content), State::end);
    // What other connections receive meanwhile takes the place of the client's bytes.
    Incoming other{loop, framing(Kind::until_close)};
    other.receive(std::string(1000, '#'));
    source.rewind();
    std::string again;
    EXPECT_EQ(take_all(source, again), State::end);
    ASSERT_NE(source.trailers(), nullptr);
    core::Text text;
    http::append_fields(text, *source.trailers());
    EXPECT_EQ(text.view(), "X-Sum: 1\r\n");
}

TEST_F(ReplayableContentTest, FailuresOfTheClientPassThrough) {
    ReplayableContent source{incoming.reader, 100};
    std::string content;
    EXPECT_EQ(receive(source, "1\r\nx\r\nbroken", content), State::failed);
    EXPECT_EQ(content, "x");
    EXPECT_EQ(source.failure().kind, core::FailureKind::response_malformed);
    EXPECT_EQ(&source.socket(), &incoming.stream.socket);
}
