#include "reverse_proxy/platform/sockets.hpp"
#include "tests/unit/core/loop.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

using namespace reverse_proxy::core;
namespace platform = reverse_proxy::platform;
using Status = IoResult::Status;

namespace {

std::string read_once(Socket& socket, std::size_t most, Status expected = Status::ok) {
    std::string text(most, '\0');
    IoResult const result = socket.read(text);
    EXPECT_EQ(result.status, expected);
    text.resize(result.bytes);
    return text;
}

}  // namespace

TEST(Socket, NothingIsTriedBeforeTheKernelHasReported) {
    test::Loop loop;
    test::Stream stream{loop, 0};
    EXPECT_FALSE(stream.socket.ready(kReadable | kWritable | kHungUp));
    loop.settle();
    EXPECT_TRUE(stream.socket.ready(kWritable));
    EXPECT_FALSE(stream.socket.ready(kReadable));
    EXPECT_FALSE(stream.socket.hung_up());
}

TEST(Socket, ShortReadHasEmptiedIt) {
    test::Loop loop;
    test::Stream stream{loop};
    stream.peer.send("0123456789");
    loop.settle();
    EXPECT_EQ(read_once(stream.socket, 4), "0123");
    EXPECT_TRUE(stream.socket.ready(kReadable)) << "more may be there after a full read";
    EXPECT_EQ(read_once(stream.socket, 100), "456789");
    EXPECT_FALSE(stream.socket.ready(kReadable));
    stream.peer.send("x");
    loop.settle();
    EXPECT_TRUE(stream.socket.ready(kReadable)) << "new bytes raise a new edge";
}

TEST(Socket, ReadThatWouldBlockSaysSo) {
    test::Loop loop;
    test::Stream stream{loop, kReadable | kWritable};
    EXPECT_EQ(read_once(stream.socket, 10, Status::would_block), "");
    EXPECT_FALSE(stream.socket.ready(kReadable));
    EXPECT_TRUE(stream.socket.ready(kWritable));
}

TEST(Socket, EndThatCameWithTheLastBytesIsStillRead) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    test::Loop loop;
    test::Stream stream{loop};
    stream.peer.send("last");
    stream.peer.finish();
    loop.settle();
    EXPECT_TRUE(stream.socket.hung_up());
    EXPECT_EQ(read_once(stream.socket, 100), "last");
    EXPECT_TRUE(stream.socket.ready(kReadable)) << "no edge will come for the end";
    EXPECT_EQ(read_once(stream.socket, 100, Status::end_of_stream), "");
}

TEST(Socket, EndThatComesAfterTheLastBytesRaisesAnEdge) {
    test::Loop loop;
    test::Stream stream{loop};
    stream.peer.send("last");
    loop.settle();
    stream.peer.finish();  // not reported yet
    EXPECT_EQ(read_once(stream.socket, 100), "last");
    EXPECT_FALSE(stream.socket.ready(kReadable));
    loop.settle();
    EXPECT_TRUE(stream.socket.hung_up());
    EXPECT_EQ(read_once(stream.socket, 100, Status::end_of_stream), "");
}

TEST(Socket, ResetIsMoreThanAnEnd) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    test::Loop loop;
    test::Stream stream{loop};
    stream.peer.finish();
    loop.settle();
    EXPECT_TRUE(stream.socket.hung_up());
    EXPECT_FALSE(stream.socket.ready(kReset)) << "it may still read";
    ASSERT_EQ(stream.socket.write(std::string_view{"unread"}).status, Status::ok);
    stream.peer.close();
    loop.settle();
    EXPECT_TRUE(stream.socket.ready(kReset));
}

TEST(Socket, ThatTheKernelDoesNotWatchIsTakenForReset) {
    constexpr int kNobodys = 1 << 30;  // above every limit, so no descriptor
    test::Loop loop;
    Socket socket;
    socket.open(loop.io.reactor, kNobodys, 0);
    EXPECT_TRUE(socket.ready(kReset));
    EXPECT_EQ(loop.io.reactor.take_unwatched(), 1U);
    EXPECT_EQ(loop.io.reactor.take_unwatched(), 0U);
}

TEST(Socket, WriteThatIsCutShortIsNotWritable) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    test::Loop loop;
    test::Stream stream{loop};
    stream.shrink();
    std::string const bytes = test::pattern(100'000);
    IoResult const first = stream.socket.write(bytes);
    EXPECT_EQ(first.status, Status::ok);
    EXPECT_GT(first.bytes, 0U);
    EXPECT_LT(first.bytes, bytes.size());
    EXPECT_FALSE(stream.socket.ready(kWritable));
    EXPECT_EQ(stream.socket.write(bytes).status, Status::would_block);
    loop.settle();
    EXPECT_FALSE(stream.socket.ready(kWritable));
    EXPECT_EQ(stream.peer.receive(), bytes.substr(0, first.bytes));
    loop.settle();
    EXPECT_TRUE(stream.socket.ready(kWritable));
}

TEST(Socket, GatheredWriteKeepsTheOrder) {
    test::Loop loop;
    test::Stream stream{loop};
    std::string a = "one ";
    std::string b = "two ";
    std::string c = "three";
    std::array<platform::Piece, 3> const pieces{
        {{a.data(), a.size()}, {b.data(), b.size()}, {c.data(), c.size()}}};
    EXPECT_EQ(stream.socket.write(pieces).bytes, 13U);
    EXPECT_TRUE(stream.socket.ready(kWritable));
    EXPECT_EQ(stream.peer.receive(), "one two three");
}

TEST(Socket, WriteToAClosedPeerFailsWithoutASignal) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    test::Loop loop;
    test::Stream stream{loop};
    stream.peer.close();
    std::string text = "x";
    std::array<platform::Piece, 1> const piece{{{text.data(), 1}}};
    for (IoResult const& result : {stream.socket.write(text), stream.socket.write(piece)}) {
        EXPECT_EQ(result.status, Status::failed);
        EXPECT_EQ(result.error, EPIPE);
    }
}

TEST(Socket, QuietAsksTheKernel) {
    test::Loop loop;
    test::Stream stream{loop};
    EXPECT_TRUE(stream.socket.quiet());
    stream.peer.send("x");
    EXPECT_FALSE(stream.socket.quiet()) << "before any event was taken";
    loop.settle();
    EXPECT_EQ(read_once(stream.socket, 10), "x") << "quiet() takes nothing away";
    EXPECT_TRUE(stream.socket.quiet());
    stream.peer.close();
    EXPECT_FALSE(stream.socket.quiet());
}

TEST(Socket, CloseEndsTheStreamForThePeer) {
    test::Loop loop;
    test::Stream stream{loop};
    stream.socket.write(std::string_view{"bye"});
    stream.socket.close();
    stream.socket.close();
    EXPECT_FALSE(stream.socket.is_open());
    EXPECT_EQ(stream.peer.receive(), "bye");
    EXPECT_TRUE(stream.peer.at_end());
}

TEST(Socket, ShutdownSendLeavesTheOtherDirectionOpen) {
    test::Loop loop;
    test::Stream stream{loop};
    stream.socket.shutdown_send();
    EXPECT_TRUE(stream.peer.at_end());
    stream.peer.send("still");
    loop.settle();
    EXPECT_EQ(read_once(stream.socket, 100), "still");
}
