#include "tests/unit/relay/contents.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace reverse_proxy;
using namespace reverse_proxy::relay;
using namespace reverse_proxy::relay::test;
using core::FailureKind;
using core::test::pattern;
using Kind = Framing::Kind;

namespace {

std::string const kNext = "GET /next HTTP/1.1\r\n\r\n";

struct Message {
    char const* what;
    Framing framing;
    std::string wire;  // of the content alone
    std::string content;
    std::optional<std::string> trailers;
};

/// Messages whose end shows in their own bytes.
std::vector<Message> messages() {
    return {
        {"none", framing(Kind::none), "", "", {}},
        {"no bytes", length(0), "", "", {}},
        {"length", length(11), "hello world", "hello world", {}},
        {"no chunks", framing(Kind::chunked), "0\r\n\r\n", "", {}},
        {"chunks",
         framing(Kind::chunked),
         "5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\n\r\n",
         "hello world",
         {}},
        {"trailers", framing(Kind::chunked),
         "b\r\nhello world\r\n000\r\nX-Sum: 1\r\nX-More:2\r\n\r\n", "hello world",
         "X-Sum: 1\r\nX-More: 2\r\n"},
        {"forbidden trailer", framing(Kind::chunked), "1\r\nx\r\n0\r\nHost: h\r\nX-Sum: 1\r\n\r\n",
         "x", "X-Sum: 1\r\n"},
        {"content that looks like an end",
         framing(Kind::chunked),
         "5\r\n0\r\n\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
         "0\r\n\r\n\r\n\r\n",
         {}},
    };
}

}  // namespace

TEST(Http1ContentReader, AnyFramingCutAtAnyByte) {
    Loop loop;
    for (Message const& message : messages()) {
        std::string const wire = message.wire + kNext;
        for (std::size_t cut = 0; cut <= message.wire.size(); ++cut) {
            Incoming incoming{loop, message.framing};
            State const first = incoming.receive(wire.substr(0, cut));
            EXPECT_EQ(first == State::end, cut == message.wire.size()) << message.what << cut;
            EXPECT_NE(first, State::failed);
            EXPECT_EQ(incoming.receive(wire.substr(cut)), State::end) << message.what << cut;
            EXPECT_TRUE(incoming.reader.complete());
            EXPECT_EQ(incoming.content, message.content) << message.what << cut;
            EXPECT_EQ(incoming.trailers, message.trailers) << message.what << cut;
            incoming.in.fill(incoming.stream.socket);
            EXPECT_EQ(incoming.in.data(), kNext) << message.what << cut;
        }
    }
}

TEST(Http1ContentReader, AnyFramingByteByByte) {
    Loop loop;
    for (Message const& message : messages()) {
        Incoming incoming{loop, message.framing};
        // Another connection reads in between, so that nothing stays in the worker's buffer.
        Incoming other{loop, framing(Kind::until_close)};
        for (char const byte : message.wire) {
            EXPECT_EQ(incoming.reader.complete(), false);
            incoming.receive({&byte, 1});
            other.receive("#");
        }
        EXPECT_EQ(incoming.receive(), State::end) << message.what;
        EXPECT_EQ(incoming.content, message.content) << message.what;
        EXPECT_EQ(incoming.trailers, message.trailers) << message.what;
    }
}

TEST(Http1ContentReader, ThePipelinedNextMessageIsLeftInTheBuffer) {
    Loop loop;
    for (Message const& message : messages()) {
        Incoming incoming{loop, message.framing};
        incoming.stream.peer.send(message.wire + kNext);
        loop.settle();
        incoming.in.fill(incoming.stream.socket);
        EXPECT_EQ(incoming.pump(), State::end) << message.what;
        EXPECT_EQ(incoming.in.data(), kNext) << message.what;
        EXPECT_EQ(incoming.pump(), State::end) << "asked again: " << message.what;
        EXPECT_EQ(incoming.in.data(), kNext) << message.what;
        EXPECT_EQ(incoming.content, message.content);
    }
}

TEST(Http1ContentReader, CloseBeforeTheEndIsCutShort) {
    Loop loop;
    for (Message const& message : messages()) {
        for (std::size_t cut = 0; cut < message.wire.size(); ++cut) {
            Incoming incoming{loop, message.framing};
            incoming.receive(message.wire.substr(0, cut));
            EXPECT_EQ(incoming.receive_end(), State::failed) << message.what << cut;
            EXPECT_EQ(incoming.reader.failure().kind, FailureKind::response_incomplete);
            EXPECT_FALSE(incoming.reader.failure().reason.empty());
            EXPECT_FALSE(incoming.reader.complete());
            EXPECT_EQ(incoming.pump(), State::failed) << "it stays failed";
        }
    }
}

TEST(Http1ContentReader, CloseAtTheEndIsNoFault) {
    Loop loop;
    for (Message const& message : messages()) {
        Incoming incoming{loop, message.framing};
        incoming.stream.peer.send(message.wire.empty() ? "x" : message.wire);
        EXPECT_EQ(incoming.receive_end(), State::end) << message.what;
        EXPECT_EQ(incoming.content, message.content);
    }
}

TEST(Http1ContentReader, UntilCloseEndsWithTheStream) {
    Loop loop;
    for (std::string const& bytes : {std::string{}, std::string{"0\r\n\r\n"}, pattern(50'000)}) {
        Incoming incoming{loop, framing(Kind::until_close)};
        EXPECT_EQ(incoming.receive(bytes), State::need_bytes);
        EXPECT_EQ(incoming.content, bytes);
        EXPECT_FALSE(incoming.reader.complete());
        EXPECT_EQ(incoming.receive_end(), State::end);
        EXPECT_TRUE(incoming.reader.complete());
        EXPECT_EQ(incoming.content, bytes);
    }
}

TEST(Http1ContentReader, UntilCloseTakesTheEndThatCameWithTheBytes) {
    Loop loop;
    Incoming incoming{loop, framing(Kind::until_close)};
    incoming.stream.peer.send("all at once");
    EXPECT_EQ(incoming.receive_end(), State::end);
    EXPECT_EQ(incoming.content, "all at once");
}

TEST(Http1ContentReader, UntilCloseDoesNotTakeAResetForTheEnd) {
    if (core::test::os::is_windows()) GTEST_SKIP() << core::test::kStreamsOfTcp;
    Loop loop;
    Incoming incoming{loop, framing(Kind::until_close)};
    // A stream in memory reports a reset where its peer closes without having read everything.
    incoming.stream.socket.write(std::string_view{"never read"});
    EXPECT_EQ(incoming.receive("part"), State::need_bytes);
    incoming.stream.peer.close();
    EXPECT_EQ(incoming.receive(), State::failed);
    EXPECT_EQ(incoming.content, "part");
    EXPECT_EQ(incoming.reader.failure().kind, FailureKind::response_incomplete);
    EXPECT_FALSE(incoming.reader.complete());
}

TEST(Http1ContentReader, MalformedChunksAndTrailersAreTheirSendersFault) {
    Loop loop;
    for (std::string const& wire : std::initializer_list<std::string>{
             "x\r\n", "-1\r\n", "5\nhello\r\n", "5\r\nhelloX", "0x5\r\n", "0\r\n bad: 1\r\n\r\n",
             "0\r\nno colon\r\n\r\n", "0\r\nA: 1\nB: 2\r\n\r\n", "0\r\n\rX"}) {
        Incoming incoming{loop, framing(Kind::chunked)};
        EXPECT_EQ(incoming.receive(wire), State::failed) << wire;
        EXPECT_EQ(incoming.reader.failure().kind, FailureKind::response_malformed) << wire;
        EXPECT_FALSE(incoming.reader.complete());
    }
}

TEST(Http1ContentReader, TrailersAreBounded) {
    Loop loop;
    {
        Incoming incoming{loop, framing(Kind::chunked)};
        EXPECT_EQ(incoming.receive("0\r\nX: " + pattern(4096)), State::failed) << "bytes";
        EXPECT_EQ(incoming.reader.failure().kind, FailureKind::response_malformed);
    }
    std::string many = "0\r\n";
    for (int i = 0; i < 17; ++i)
        many += "X: 1\r\n";
    Incoming incoming{loop, framing(Kind::chunked)};
    EXPECT_EQ(incoming.receive(many + "\r\n"), State::failed) << "fields";
}

TEST(Http1ContentReader, TrailersStayWhateverIsReadAfterwards) {
    // Content that is sent again to another endpoint needs them long after they were received.
    Loop loop;
    for (bool const moved_out : {false, true}) {
        Incoming incoming{loop, framing(Kind::chunked)};
        Incoming other{loop, framing(Kind::until_close)};
        incoming.receive("0\r\nX-Sum: 1\r\n");
        if (moved_out) other.receive("#");
        EXPECT_EQ(incoming.receive("\r\n"), State::end);
        incoming.in.release();
        other.receive(std::string(1000, '#'));
        core::PooledBuffer const reused = loop.io.buffers.take(1);
        std::fill_n(reused.data(), reused.capacity(), '#');
        core::Text text;
        http::append_fields(text, *incoming.reader.trailers());
        EXPECT_EQ(text.view(), "X-Sum: 1\r\n") << moved_out;
    }
}

TEST(Http1ContentReader, ChunkedContentIsBoundedExactly) {
    Loop loop;
    Http1ContentReader::Limits limits = kLimits;
    limits.max_content_bytes = 10;
    Incoming exact{loop, framing(Kind::chunked), limits};
    EXPECT_EQ(exact.receive("4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n"), State::end);
    EXPECT_EQ(exact.content, "0123456789");
    for (std::string const& wire :
         {std::string{"b\r\n0123456789X"}, std::string{"a\r\n0123456789\r\n1\r\nX"}}) {
        Incoming over{loop, framing(Kind::chunked), limits};
        EXPECT_EQ(over.receive(wire), State::failed);
        EXPECT_EQ(over.reader.failure().kind, FailureKind::content_too_large);
        EXPECT_LE(over.content.size(), 10U);
    }
}

TEST(Http1ContentReader, WholeIsWhatIsInHandAndTakesNothing) {
    Loop loop;
    Incoming incoming{loop, length(5)};
    EXPECT_EQ(incoming.reader.whole(), "");
    EXPECT_EQ(incoming.reader.remaining(), 5U);
    incoming.stream.peer.send("hello" + kNext);
    loop.settle();
    incoming.in.fill(incoming.stream.socket);
    EXPECT_EQ(incoming.reader.whole(), "hello");
    EXPECT_EQ(incoming.reader.whole(), "hello");
    EXPECT_EQ(incoming.pump(), State::end);
    EXPECT_EQ(incoming.content, "hello");
    EXPECT_EQ(incoming.reader.whole(), "");
    EXPECT_EQ(incoming.reader.remaining(), 0U);
    for (Kind const kind : {Kind::none, Kind::chunked, Kind::until_close}) {
        Incoming other{loop, framing(kind)};
        other.stream.peer.send(kNext);
        loop.settle();
        other.in.fill(other.stream.socket);
        EXPECT_EQ(other.reader.whole(), "");
    }
}

TEST(Http1ContentReader, TheRestOfWhatWasBegunIsNoWhole) {
    Loop loop;
    Incoming incoming{loop, length(10)};
    EXPECT_EQ(incoming.receive("hello"), State::need_bytes);
    incoming.stream.peer.send("world");
    loop.settle();
    incoming.in.fill(incoming.stream.socket);
    EXPECT_EQ(incoming.reader.remaining(), 5U);
    EXPECT_EQ(incoming.reader.whole(), "");
    EXPECT_EQ(incoming.pump(), State::end);
    EXPECT_EQ(incoming.content, "helloworld");
}

TEST(Http1ContentReader, LengthBeyondAllMemoryIsNoTrouble) {
    Loop loop;
    Incoming incoming{loop, length((std::uint64_t{1} << 63) - 1)};
    EXPECT_EQ(incoming.receive("a little"), State::need_bytes);
    EXPECT_EQ(incoming.content, "a little");
    EXPECT_EQ(incoming.receive_end(), State::failed);
}

namespace {

/// What a writer sends for these pieces and trailers.
std::string written(Kind kind, std::vector<std::string> const& pieces,
                    http::Fields const* trailers = nullptr) {
    Loop loop;
    Stream stream{loop};
    core::Outbox outbox;
    Http1ContentWriter writer{loop.io, stream.socket, outbox, kind};
    writer.text().append("head ");
    for (std::string const& piece : pieces)
        writer.content(piece);
    writer.end(trailers);
    EXPECT_EQ(writer.flush(), core::Flow::done);
    return stream.peer.receive();
}

}  // namespace

TEST(Http1ContentWriter, ContentOfKnownEndGoesOutAsItIs) {
    std::string const large = pattern(9000);
    for (Kind const kind : {Kind::none, Kind::length, Kind::until_close}) {
        EXPECT_EQ(written(kind, {}), "head ");
        EXPECT_EQ(written(kind, {"hello", large, "!"}), "head hello" + large + "!");
    }
}

TEST(Http1ContentWriter, ChunksAreMadeOfThePieces) {
    std::string const large = pattern(0x2328);
    EXPECT_EQ(written(Kind::chunked, {}), "head 0\r\n\r\n");
    EXPECT_EQ(written(Kind::chunked, {"hello", large}),
              "head 5\r\nhello\r\n2328\r\n" + large + "\r\n0\r\n\r\n");
}

TEST(Http1ContentWriter, EmptyPieceIsNoLastChunk) {
    EXPECT_EQ(written(Kind::chunked, {"a", "", "b"}), "head 1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
}

TEST(Http1ContentWriter, TrailersFollowTheLastChunkAlone) {
    std::string const text = "X-Sum: 1\r\nHost: h\r\nX-Odd:2\r\n\r\n";
    http::Fields trailers;
    ASSERT_TRUE(http::parse_trailers(text, {4096, 16}, trailers));
    EXPECT_EQ(written(Kind::chunked, {"a"}, &trailers),
              "head 1\r\na\r\n0\r\nX-Sum: 1\r\nX-Odd: 2\r\n\r\n");
    for (Kind const kind : {Kind::none, Kind::length, Kind::until_close})
        EXPECT_EQ(written(kind, {"a"}, &trailers), "head a");
}
