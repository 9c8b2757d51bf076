#include "reverse_proxy/upstream/connection_pool.hpp"
#include "tests/unit/core/loop.hpp"
#include "tests/unit/upstream/endpoints.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::upstream;
using namespace std::chrono_literals;
using core::kWritable;

namespace {

class ConnectionPoolTest : public testing::Test {
protected:
    /// A connection in use, as if it had been connected, and the origin's end of it.
    Lease connected(core::test::Peer& origin) {
        auto connection = std::make_unique<Connection>(loop.io, *pool);
        auto const ends = core::test::os::new_pair();
        origin.adopt(ends[1]);
        connection->socket.open(loop.io.reactor, ends[0], kWritable);
        pool->cells().connections_active.add(1);
        loop.settle();
        return Lease{std::move(connection)};
    }
    void give_back_new(core::test::Peer& origin) { connected(origin).give_back(); }
    [[nodiscard]] std::uint64_t idle() const { return pool->cells().connections_idle.read(); }
    [[nodiscard]] std::uint64_t active() const { return pool->cells().connections_active.read(); }

    core::test::Loop loop;
    config::UpstreamSettings settings;
    std::shared_ptr<balancing::Endpoint> endpoint = upstream::test::endpoint();
    std::shared_ptr<ConnectionPool> pool =
        std::make_shared<ConnectionPool>(loop.io, endpoint, 0, settings);
    core::test::Peer origins[3];
};

}  // namespace

TEST_F(ConnectionPoolTest, EmptyPoolHasNone) {
    EXPECT_FALSE(pool->take(false));
    EXPECT_FALSE(pool->take(true));
}

TEST_F(ConnectionPoolTest, GivenBackLastIsTakenFirst) {
    int descriptors[3];
    for (int i = 0; i < 3; ++i) {
        Lease lease = connected(origins[i]);
        descriptors[i] = lease->socket.descriptor();
        lease.give_back();
        EXPECT_FALSE(lease);
    }
    EXPECT_EQ(idle(), 3U);
    EXPECT_EQ(active(), 0U);
    Lease const newest = pool->take(false);
    Lease const middle = pool->take(true);
    Lease const oldest = pool->take(false);
    EXPECT_EQ(newest->socket.descriptor(), descriptors[2]);
    EXPECT_EQ(middle->socket.descriptor(), descriptors[1]);
    EXPECT_EQ(oldest->socket.descriptor(), descriptors[0]);
    EXPECT_FALSE(newest->socket.waited_for()) << "the watch has ended";
    EXPECT_FALSE(pool->take(false));
    EXPECT_EQ(idle(), 0U);
    EXPECT_EQ(active(), 3U);
}

TEST_F(ConnectionPoolTest, LeaseThatIsNotGivenBackCloses) {
    {
        Lease const lease = connected(origins[0]);
        EXPECT_EQ(active(), 1U);
        EXPECT_FALSE(origins[0].at_end());
    }
    EXPECT_TRUE(origins[0].at_end());
    EXPECT_EQ(active(), 0U);
    Lease first = connected(origins[1]);
    Lease second = connected(origins[2]);
    first = std::move(second);
    EXPECT_TRUE(origins[1].at_end()) << "what an assignment replaces is closed";
    EXPECT_FALSE(origins[2].at_end());
    EXPECT_EQ(active(), 1U);
}

TEST_F(ConnectionPoolTest, IdleOneThatTheOriginClosesIsDroppedAtOnce) {
    for (core::test::Peer& origin : origins)
        give_back_new(origin);
    origins[1].close();  // the middle of the list
    loop.settle();
    EXPECT_EQ(idle(), 2U);
    origins[2].close();
    loop.settle();
    EXPECT_EQ(idle(), 1U);
    EXPECT_TRUE(pool->take(false));
    EXPECT_FALSE(pool->take(false));
    EXPECT_TRUE(origins[0].at_end());
}

TEST_F(ConnectionPoolTest, IdleOneThatSpeaksUnaskedIsDropped) {
    give_back_new(origins[0]);
    origins[0].send("HTTP/1.1 408 Request Timeout\r\n\r\n");
    loop.settle();
    EXPECT_EQ(idle(), 0U);
    EXPECT_TRUE(origins[0].at_end());
}

TEST_F(ConnectionPoolTest, IdleLimitEndsIt) {
    settings.idle_timeout = 5ms;
    give_back_new(origins[0]);
    EXPECT_EQ(idle(), 1U);
    EXPECT_TRUE(loop.run_until([&] { return idle() == 0; }));
    EXPECT_TRUE(origins[0].at_end());
}

TEST_F(ConnectionPoolTest, TheConnectionsOwnLimitIsTheOneThatCounts) {
    Lease lease = connected(origins[0]);
    EXPECT_EQ(lease->idle_limit, settings.idle_timeout);
    lease->idle_limit = 5ms;  // as the origin's Keep-Alive said
    lease.give_back();
    EXPECT_TRUE(loop.run_until([&] { return idle() == 0; }));
    Lease none = connected(origins[1]);
    none->idle_limit = -100ms;  // Keep-Alive: timeout=0
    none.give_back();
    EXPECT_EQ(idle(), 0U);
    EXPECT_TRUE(origins[1].at_end());
}

TEST_F(ConnectionPoolTest, OnlyACleanConnectionIsKept) {
    struct Case {
        char const* what;
        void (*spoil)(core::test::Loop&, Lease&, core::test::Peer&);
    };
    Case const cases[] = {
        {"unread bytes",
         [](core::test::Loop& worker, Lease& lease, core::test::Peer& origin) {
             origin.send("left over");
             worker.settle();
             lease->in.fill(lease->socket);
         }},
        {"unreceived bytes",
         [](core::test::Loop& worker, Lease&, core::test::Peer& origin) {
             origin.send("left over");
             worker.settle();
         }},
        {"unsent bytes",
         [](core::test::Loop& worker, Lease& lease, core::test::Peer&) {
             lease->out.append("rest of a request", worker.io.buffers);
         }},
        {"closed by the origin",
         [](core::test::Loop& worker, Lease&, core::test::Peer& origin) {
             origin.finish();
             worker.settle();
         }},
    };
    for (Case const& c : cases) {
        core::test::Peer origin;
        Lease lease = connected(origin);
        c.spoil(loop, lease, origin);
        lease.give_back();
        EXPECT_EQ(idle(), 0U) << c.what;
        EXPECT_EQ(active(), 0U) << c.what;
    }
}

TEST_F(ConnectionPoolTest, KeepsAtMostMaxIdle) {
    settings.max_idle = 2;
    for (core::test::Peer& origin : origins)
        give_back_new(origin);
    EXPECT_EQ(idle(), 2U);
    EXPECT_TRUE(origins[2].at_end());
    EXPECT_FALSE(origins[0].at_end());
    settings.max_idle = 0;
    core::test::Peer origin;
    give_back_new(origin);
    EXPECT_TRUE(origin.at_end());
}

TEST_F(ConnectionPoolTest, RetiredPoolKeepsNone) {
    give_back_new(origins[0]);
    Lease in_use = connected(origins[1]);
    pool->retire();
    EXPECT_EQ(idle(), 0U);
    EXPECT_TRUE(origins[0].at_end());
    EXPECT_FALSE(origins[1].at_end()) << "a request in work goes on";
    in_use.give_back();
    EXPECT_EQ(idle(), 0U);
    EXPECT_EQ(active(), 0U);
    EXPECT_TRUE(origins[1].at_end());
}

TEST_F(ConnectionPoolTest, CloseIdleLeavesThoseInUse) {
    give_back_new(origins[0]);
    Lease in_use = connected(origins[1]);
    pool->close_idle();
    EXPECT_TRUE(origins[0].at_end());
    in_use.give_back();
    EXPECT_EQ(idle(), 1U);
}

TEST_F(ConnectionPoolTest, EndOfThePoolClosesItsIdleOnes) {
    give_back_new(origins[0]);
    give_back_new(origins[1]);
    pool.reset();
    EXPECT_TRUE(origins[0].at_end());
    EXPECT_TRUE(origins[1].at_end());
    EXPECT_EQ(endpoint->cells[0].connections_idle.read(), 0U);
}

TEST_F(ConnectionPoolTest, CarefulTakeAsksTheKernel) {
    give_back_new(origins[0]);
    give_back_new(origins[1]);
    origins[1].close();  // not reported yet
    Lease const lease = pool->take(true);
    ASSERT_TRUE(lease);
    EXPECT_FALSE(origins[0].at_end()) << "the one behind it is taken";
    EXPECT_EQ(idle(), 0U);
    EXPECT_EQ(active(), 1U);
}

TEST_F(ConnectionPoolTest, TakeBelievesWhatWasReported) {
    give_back_new(origins[0]);
    origins[0].close();  // not reported yet: a request that can be sent again may find out
    Lease const lease = pool->take(false);
    EXPECT_TRUE(lease);
}

TEST_F(ConnectionPoolTest, CarefulTakeWantsOneThatWasActiveWithinASecond) {
    Lease lease = connected(origins[0]);
    Connection* const connection = &*lease;
    lease.give_back();
    connection->idle_since = loop.io.reactor.now() - 1s;
    EXPECT_TRUE(pool->take(true));
    Lease other = connected(origins[1]);
    Connection* const second = &*other;
    other.give_back();
    second->idle_since = loop.io.reactor.now() - 1001ms;
    EXPECT_FALSE(pool->take(true));
    EXPECT_EQ(idle(), 1U) << "others may still use it";
    EXPECT_TRUE(pool->take(false));
}

TEST_F(ConnectionPoolTest, UsedAgainManyTimes) {
    core::test::Peer& origin = origins[0];
    give_back_new(origin);
    for (int i = 0; i < 100; ++i) {
        Lease lease = pool->take(i % 2 == 0);
        ASSERT_TRUE(lease);
        lease->socket.write(std::string_view{"request"});
        EXPECT_EQ(origin.receive(), "request");
        origin.send("response");
        loop.settle();
        lease->in.fill(lease->socket);
        EXPECT_EQ(lease->in.data(), "response");
        lease->in.consume(8);
        lease.give_back();
        loop.settle();
    }
    EXPECT_EQ(idle(), 1U);
    EXPECT_EQ(active(), 0U);
}
