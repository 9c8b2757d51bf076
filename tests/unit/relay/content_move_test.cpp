#include "tests/unit/relay/contents.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace reverse_proxy;
using namespace reverse_proxy::relay;
using namespace reverse_proxy::relay::test;
using core::FailureKind;
using core::test::pattern;
using Kind = Framing::Kind;

namespace {

/// A message on its way: read in one framing, written in another, read again behind that.
struct Relay {
    Relay(Loop& worker, Framing const& from, Kind to, bool splices = true)
        : loop{worker}, incoming{worker, from}, out{worker},
          writer{worker.io, out.socket, outbox, to}, move{incoming.reader, writer,
                                                          splices ? &worker.io.pipes : nullptr} {}

    Moved run(std::string_view bytes = {}) {
        if (!bytes.empty()) incoming.stream.peer.send(bytes);
        loop.settle();
        Moved const moved = move.run();
        received += out.peer.receive();
        return moved;
    }

    Loop& loop;
    Incoming incoming;
    Stream out;
    core::Outbox outbox;
    Http1ContentWriter writer;
    ContentMove move;
    std::string received;
};

std::string chunked(std::string_view content, std::size_t chunk, std::string_view trailers = {}) {
    std::string wire;
    for (std::size_t at = 0; at < content.size(); at += chunk) {
        std::string_view const piece = content.substr(at, chunk);
        char size[18];
        wire.append(size, http::write_chunk_size(size, piece.size()));
        wire.append(piece).append("\r\n");
    }
    return wire.append("0\r\n").append(trailers).append("\r\n");
}

}  // namespace

TEST(ContentMove, EveryFramingIntoEveryOtherCarriesTheSameContent) {
    Loop loop;
    for (std::size_t const size : std::initializer_list<std::size_t>{0, 1, 4096, 4097, 40'000}) {
        std::string const content = pattern(size);
        struct Wire {
            Framing framing;
            std::string bytes;
            bool closes;
        };
        for (Wire const& from : {Wire{length(size), content, false},
                                 Wire{framing(Kind::chunked), chunked(content, 1000), false},
                                 Wire{framing(Kind::chunked), chunked(content, 10'000), false},
                                 Wire{framing(Kind::until_close), content, true}}) {
            for (Framing const& to :
                 {length(size), framing(Kind::chunked), framing(Kind::until_close)}) {
                Relay relay{loop, from.framing, to.kind};
                Moved moved = relay.run(from.bytes);
                if (from.closes) {
                    EXPECT_EQ(moved, Moved::source_empty);
                    relay.incoming.stream.peer.finish();
                    moved = relay.run();
                }
                EXPECT_EQ(moved, Moved::complete) << size;
                EXPECT_TRUE(relay.move.complete());
                EXPECT_EQ(relay.move.bytes(), size);
                Incoming again{loop, to};
                if (!relay.received.empty()) again.stream.peer.send(relay.received);
                EXPECT_EQ(again.receive_end(), State::end);
                EXPECT_EQ(again.content, content);
            }
        }
    }
}

TEST(ContentMove, TrailersGoAlongWhereTheyCan) {
    Loop loop;
    std::string const wire = chunked("hello", 3, "X-Sum: 1\r\nHost: evil\r\n");
    Relay relay{loop, framing(Kind::chunked), Kind::chunked};
    EXPECT_EQ(relay.run(wire), Moved::complete);
    EXPECT_EQ(relay.received, "3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n");
    Relay plain{loop, framing(Kind::chunked), Kind::until_close};
    EXPECT_EQ(plain.run(wire), Moved::complete);
    EXPECT_EQ(plain.received, "hello");
}

TEST(ContentMove, GoesOnWhereverTheSourceStopped) {
    Loop loop;
    std::string const wire = chunked("hello world", 4, "X-Sum: 1\r\n");
    for (std::size_t cut = 1; cut < wire.size(); ++cut) {
        Relay relay{loop, framing(Kind::chunked), Kind::chunked};
        EXPECT_EQ(relay.run(wire.substr(0, cut)), Moved::source_empty) << cut;
        EXPECT_FALSE(relay.move.complete());
        EXPECT_EQ(relay.run(wire.substr(cut)), Moved::complete) << cut;
        Incoming again{loop, framing(Kind::chunked)};
        EXPECT_EQ(again.receive(relay.received), State::end);
        EXPECT_EQ(again.content, "hello world");
        EXPECT_EQ(again.trailers, "X-Sum: 1\r\n");
    }
}

TEST(ContentMove, WhatIsInHandGoesBeforeASourceThatFails) {
    Loop loop;
    for (bool const narrow : {false, true}) {
        Relay relay{loop, framing(Kind::chunked), Kind::until_close};
        if (narrow) relay.out.shrink();
        EXPECT_EQ(relay.run("5\r\nhello\r\nbroken"), Moved::source_failed);
        EXPECT_EQ(relay.received, "hello");
        EXPECT_EQ(relay.incoming.reader.failure().kind, FailureKind::response_malformed);
        EXPECT_FALSE(relay.move.complete());
    }
}

TEST(ContentMove, FailureOfTheSourceIsToldEvenWhereTheSinkIsFull) {
    Loop loop;
    Relay relay{loop, framing(Kind::chunked), Kind::until_close};
    relay.out.socket.not_ready(core::kWritable);
    relay.incoming.stream.peer.send("5\r\nhello\r\nbroken");
    loop.settle();
    relay.out.socket.not_ready(core::kWritable);
    EXPECT_EQ(relay.move.run(), Moved::source_failed);
}

TEST(ContentMove, ClosedSinkIsBroken) {
    if (core::test::os::is_windows()) GTEST_SKIP() << core::test::kStreamsOfTcp;
    Loop loop;
    Relay relay{loop, length(100), Kind::length};
    relay.out.peer.close();
    EXPECT_EQ(relay.run("hello"), Moved::sink_broken);
}

TEST(ContentMove, SlowSinkStopsTheReading) {
    if (core::test::os::is_windows()) GTEST_SKIP() << core::test::kStreamsOfTcp;
    Loop loop;
    constexpr std::size_t kSize = 400'000;
    std::string const content = pattern(kSize);
    Relay relay{loop, length(kSize), Kind::chunked};
    relay.out.shrink();
    std::size_t sent = 0;
    std::size_t most_waiting = 0;
    Moved moved = Moved::source_empty;
    for (int turn = 0; turn < 100'000 && moved != Moved::complete; ++turn) {
        if (sent < kSize) {
            sent += relay.incoming.stream.peer.send_some(std::string_view{content}.substr(sent));
        }
        loop.settle();
        moved = relay.move.run();
        most_waiting = std::max(most_waiting, relay.outbox.size());
        if (moved == Moved::sink_full) {
            std::uint64_t const before = relay.move.bytes();
            EXPECT_EQ(relay.move.run(), Moved::sink_full);
            EXPECT_EQ(relay.move.bytes(), before) << "nothing is read while the sink is full";
        }
        relay.received += relay.out.peer.receive();
    }
    ASSERT_EQ(moved, Moved::complete);
    // One read and its framing, never more.
    EXPECT_LE(most_waiting, core::Scratch::kSize + 64);
    EXPECT_GT(most_waiting, 0U);
    EXPECT_EQ(relay.move.bytes(), kSize);
    http::ChunkDecoder decoder;
    std::string decoded;
    for (std::string_view rest = relay.received; !rest.empty();) {
        auto const step = decoder.decode(rest);
        decoded += step.content;
        rest.remove_prefix(step.consumed);
        if (step.status == http::ChunkDecoder::Status::trailers) {
            EXPECT_EQ(rest, "\r\n");
            break;
        }
    }
    EXPECT_EQ(decoded, content);
}

TEST(ContentMove, FullSinkAtTheEndIsNotComplete) {
    Loop loop;
    Relay relay{loop, length(5), Kind::length};
    relay.incoming.stream.peer.send("hello");
    loop.settle();
    relay.out.socket.not_ready(core::kWritable);
    EXPECT_EQ(relay.move.run(), Moved::sink_full);
    EXPECT_FALSE(relay.move.complete());
    EXPECT_EQ(relay.move.run(), Moved::sink_full);
}

TEST(ContentMove, NothingIsSentTwiceAfterTheEnd) {
    Loop loop;
    Relay relay{loop, framing(Kind::chunked), Kind::chunked};
    EXPECT_EQ(relay.run("1\r\nx\r\n0\r\n\r\n"), Moved::complete);
    EXPECT_EQ(relay.run(), Moved::complete);
    EXPECT_EQ(relay.received, "1\r\nx\r\n0\r\n\r\n");
}

namespace {

/// Content without end, a byte a read.
class Endless : public ContentSource {
public:
    explicit Endless(core::Socket& socket) : socket_{socket} {}
    Step take() override {
        return std::exchange(has_, false) ? Step{State::piece, "x"} : Step{State::need_bytes, {}};
    }
    bool fill(std::size_t /*most*/) override {
        ++fills;
        return has_ = true;
    }
    [[nodiscard]] http::Fields const* trailers() const override { return nullptr; }
    [[nodiscard]] core::Failure const& failure() const override { return failure_; }
    [[nodiscard]] core::Socket& socket() override { return socket_; }
    [[nodiscard]] bool in_hand() const { return has_; }
    int fills{0};

private:
    core::Socket& socket_;
    bool has_{true};
    core::Failure failure_;
};

}  // namespace

TEST(ContentMove, EndlessSourceGivesItsTurnAway) {
    Loop loop;
    Stream in{loop, core::kReadable};
    Stream out{loop};
    core::Outbox outbox;
    Endless source{in.socket};
    Http1ContentWriter sink{loop.io, out.socket, outbox};
    ContentMove move{source, sink, nullptr};
    EXPECT_EQ(move.run(), Moved::turn_over);
    EXPECT_FALSE(source.in_hand()) << "would be taken for what was read and never used";
    EXPECT_EQ(move.run(), Moved::turn_over);
    EXPECT_FALSE(source.in_hand());
    EXPECT_EQ(source.fills, 32);
    EXPECT_EQ(move.bytes(), 33U);  // and the one that was there
    EXPECT_EQ(out.peer.receive(), std::string(33, 'x'));
}

namespace {

/// Long content of known length, as it is: moved by the kernel or copied, the same must come of it.
class LongContent : public ::testing::TestWithParam<bool> {
protected:
    static constexpr std::size_t kSize = 3'000'000;

    /// Feeds `bytes` as far as the kernel takes them and moves on, until `done` or nothing moves.
    Moved feed(std::string_view bytes) {
        // Where sending takes time, a turn in which nothing moves may not be the last.
        int const most_idle_turns = core::test::os::tells_later() ? 50 : 0;
        int idle_turns = 0;
        Moved moved = Moved::source_empty;
        for (int turn = 0; turn < 100'000 && moved != Moved::complete; ++turn) {
            std::size_t const before = sent + relay.received.size();
            sent += relay.incoming.stream.peer.send_some(bytes.substr(sent));
            moved = relay.run();
            bool const idle = sent + relay.received.size() == before && sent == bytes.size();
            idle_turns = idle ? idle_turns + 1 : 0;
            if (idle_turns > most_idle_turns) break;
        }
        return moved;
    }

    Loop loop;
    Relay relay{loop, length(kSize), Kind::length, GetParam()};
    std::string const content = pattern(kSize);
    std::size_t sent{0};
};

INSTANTIATE_TEST_SUITE_P(ContentMove, LongContent, ::testing::Bool(),
                         [](auto const& tested) { return tested.param ? "spliced" : "copied"; });

}  // namespace

TEST_P(LongContent, ArrivesWholeBehindWhatWasWritten) {
    relay.writer.text().append("head ");
    EXPECT_EQ(feed(content + "next"), Moved::complete);
    EXPECT_EQ(relay.move.bytes(), kSize);
    EXPECT_TRUE(relay.received == "head " + content);
    // The next message's bytes are still the socket's or the reader's.
    std::string rest{relay.incoming.in.data()};
    if (rest.empty()) {
        EXPECT_EQ(relay.incoming.in.fill(relay.incoming.stream.socket).status,
                  core::IoResult::Status::ok);
        rest = relay.incoming.in.data();
    }
    EXPECT_TRUE(std::string_view{"next"}.starts_with(rest.substr(0, 4)));
}

TEST_P(LongContent, SlowSinkLosesNothing) {
    relay.out.shrink();
    EXPECT_EQ(feed(content), Moved::complete);
    EXPECT_TRUE(relay.received == content);
}

TEST_P(LongContent, FullSinkStopsTheReading) {
    if (core::test::os::is_windows()) GTEST_SKIP() << core::test::kStreamsOfTcp;
    relay.out.shrink();
    std::size_t fed = 0;
    for (int turn = 0; turn < 10'000; ++turn) {
        auto const more =
            relay.incoming.stream.peer.send_some(std::string_view{content}.substr(fed));
        if (more == 0) break;
        fed += more;
        loop.settle();
        EXPECT_EQ(relay.move.run(), Moved::sink_full);
    }
    ASSERT_LT(fed, kSize) << "the source is never held back";
    std::uint64_t const before = relay.move.bytes();
    EXPECT_EQ(relay.move.run(), Moved::sink_full);
    EXPECT_EQ(relay.move.bytes(), before);
}

TEST_P(LongContent, CutShortIsAFailureBehindWhatCame) {
    EXPECT_EQ(feed(std::string_view{content}.substr(0, kSize / 2)), Moved::source_empty);
    relay.incoming.stream.peer.finish();
    EXPECT_EQ(relay.run(), Moved::source_failed);
    EXPECT_EQ(relay.incoming.reader.failure().kind, FailureKind::response_incomplete);
    EXPECT_TRUE(relay.received == content.substr(0, kSize / 2));
}

TEST_P(LongContent, BrokenSinkEndsIt) {
    if (core::test::os::is_windows()) GTEST_SKIP() << core::test::kStreamsOfTcp;
    EXPECT_EQ(feed(std::string_view{content}.substr(0, kSize / 2)), Moved::source_empty);
    relay.out.peer.close();
    EXPECT_EQ(relay.run(std::string_view{content}.substr(kSize / 2, 50'000)), Moved::sink_broken);
}

TEST(ContentMove, LongContentIsSplicedOnlyAsItIs) {
    if (core::test::os::is_windows()) GTEST_SKIP() << "no splice";
    Loop loop;
    std::string const content = pattern(100'000);
    for (Kind const to : {Kind::length, Kind::until_close, Kind::chunked}) {
        Relay relay{loop, length(content.size()), to};
        EXPECT_EQ(relay.run(content), Moved::complete);
        // What was copied has been in the reader's buffer.
        EXPECT_EQ(relay.incoming.in.data().data() == nullptr, to != Kind::chunked);
    }
}

namespace {

/// Content without end, as much a read as may be.
class Flood : public ContentSource {
public:
    explicit Flood(core::Socket& socket) : socket_{socket} {}
    Step take() override {
        if (size_ == 0) return {State::need_bytes, {}};
        return {State::piece, std::string_view{bytes_}.substr(0, std::exchange(size_, 0))};
    }
    bool fill(std::size_t most) override {
        size_ = most;
        return true;
    }
    [[nodiscard]] http::Fields const* trailers() const override { return nullptr; }
    [[nodiscard]] core::Failure const& failure() const override { return failure_; }
    [[nodiscard]] core::Socket& socket() override { return socket_; }

private:
    core::Socket& socket_;
    std::string bytes_ = std::string(core::Scratch::kSize, 'x');
    std::size_t size_{0};
    core::Failure failure_;
};

}  // namespace

// What a sink does not take is memory that a slow reader costs.
TEST(ContentMove, KeepsLittleForASlowReader) {
    if (core::test::os::is_windows()) GTEST_SKIP() << core::test::kStreamsOfTcp;
    // Of several sizes, so that a read that is too large does not fit by chance.
    for (int const kernel_bytes : {70'000, 81'000, 92'000, 103'000, 114'000, 125'000}) {
        Loop loop;
        Stream in{loop, core::kReadable};
        Stream out{loop};
        ASSERT_TRUE(core::test::os::set_option(out.socket.descriptor(), SOL_SOCKET, SO_SNDBUF,
                                               kernel_bytes));
        core::Outbox outbox;
        Flood source{in.socket};
        Http1ContentWriter sink{loop.io, out.socket, outbox};
        ContentMove move{source, sink, nullptr};
        Moved moved = Moved::turn_over;
        for (int turns = 0; turns < 1000 && moved == Moved::turn_over; ++turns)
            moved = move.run();
        ASSERT_EQ(moved, Moved::sink_full);
        EXPECT_GT(move.bytes(), core::ReadBuffer::kFirstRead);
        EXPECT_LE(outbox.size(), 16U * 1024U) << kernel_bytes;
    }
}
