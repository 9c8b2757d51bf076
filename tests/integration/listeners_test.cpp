// Where the daemon listens: several addresses, IPv6, unix sockets (contract, LISTEN).
#include "reverse_proxy/ingress/listener.hpp"
#include "tests/support/os.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

/// A directory of its own, gone with the object.
class TemporaryDirectory {
public:
    TemporaryDirectory() = default;
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(TemporaryDirectory const&) = delete;
    TemporaryDirectory& operator=(TemporaryDirectory const&) = delete;
    [[nodiscard]] std::string file(std::string const& name) const {
        return (path_ / name).string();
    }

private:
    std::filesystem::path path_{os::new_folder()};
};

bool has_ipv6() {
    try {
        Socket::listen_tcp("::1", 0);
        return true;
    } catch (std::exception const&) {
        return false;
    }
}

TEST(Listeners, SeveralAtOnce) {
    FaultOrigin origin;
    TemporaryDirectory const directory;
    auto const path = directory.file("proxy.sock");
    ProxyFixture proxy{origin, [&](config::Settings& s) {
                           s.listener.listen.push_back({"127.0.0.2", 0, ""});
                           if (!os::is_windows()) s.listener.listen.push_back({"", 0, path});
                       }};
    EXPECT_NE(proxy.port(0), 0);
    EXPECT_NE(proxy.port(1), 0);
    EXPECT_EQ(proxy.get("/").status, 200U);
    RawClient second{Socket::connect_tcp("127.0.0.2", proxy.port(1))};
    EXPECT_EQ(second.exchange(make_request("GET", "/")).status, 200U);
    if (os::is_windows()) GTEST_SKIP() << "no unix sockets";
    EXPECT_EQ(proxy.port(2), 0);
    auto third = RawClient::unix_socket(path);
    EXPECT_EQ(third.exchange(make_request("GET", "/")).status, 200U);
    EXPECT_EQ(third.exchange(make_request("GET", "/healthz")).status, 200U);
}

TEST(Listeners, Ipv6) {
    if (!has_ipv6()) GTEST_SKIP() << "this host has no ::1";
    FaultOrigin origin{{.address = "::1"}};
    ProxyFixture proxy{origin, [](config::Settings& s) { s.listener.listen = {{"::1", 0, ""}}; }};
    auto client = RawClient::v6(proxy.port());
    EXPECT_EQ(client.exchange(make_request("GET", "/", {{"Host", "[::1]:8000"}})).status, 200U);
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.field("X-Forwarded-For"), "::1");
    EXPECT_EQ(seen.field("X-Forwarded-Host"), "[::1]:8000");
    EXPECT_EQ(seen.field("Host"), "[::1]:" + std::to_string(origin.port()));
}

TEST(Listeners, AUnixSocketLeftBehindIsReplaced) {
    if (os::is_windows()) GTEST_SKIP() << "no unix sockets";
    FaultOrigin origin;
    TemporaryDirectory const directory;
    auto const path = directory.file("proxy.sock");
    auto const listen_there = [&](config::Settings& s) { s.listener.listen = {{"", 0, path}}; };
    {
        ProxyFixture const first{origin, listen_there};
        EXPECT_EQ(RawClient::unix_socket(path).exchange(make_request("GET", "/")).status, 200U);
    }
    ProxyFixture const second{origin, listen_there};
    EXPECT_EQ(RawClient::unix_socket(path).exchange(make_request("GET", "/")).status, 200U);
}

TEST(Listeners, WhatIsNoSocketIsKept) {
    if (os::is_windows()) GTEST_SKIP() << "no unix sockets";
    FaultOrigin origin;
    TemporaryDirectory const directory;
    auto const path = directory.file("notes.txt");
    std::ofstream{path} << "mine";
    auto const listen_there = [&](config::Settings& s) { s.listener.listen = {{"", 0, path}}; };
    EXPECT_THROW((ProxyFixture{origin, listen_there}), server::ListenError);
    std::string kept;
    std::ifstream{path} >> kept;
    EXPECT_EQ(kept, "mine");
}

TEST(Listeners, AUnixSocketOfASuccessorIsLeftAlone) {
    if (os::is_windows()) GTEST_SKIP() << "no unix sockets";
    FaultOrigin origin;
    TemporaryDirectory const directory;
    auto const path = directory.file("proxy.sock");
    auto const listen_there = [&](config::Settings& s) { s.listener.listen = {{"", 0, path}}; };
    std::optional<ProxyFixture> first;
    first.emplace(origin, listen_there);
    auto client = RawClient::unix_socket(path);
    client.send(make_request("GET", "/", {{"X-Fault", "gate=work"}}));
    ASSERT_TRUE(origin.wait_at_gate("work"));
    first->stop();
    auto const refused = [&] {
        try {
            RawClient::unix_socket(path);
            return false;
        } catch (std::runtime_error const&) {
            return true;
        }
    };
    auto const deadline = within();
    while (!refused() && std::chrono::steady_clock::now() < deadline) {
    }
    ProxyFixture const second{origin, listen_there};
    origin.release("work");
    EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_EQ(first->wait_exit(), 0);
    first.reset();
    EXPECT_EQ(RawClient::unix_socket(path).exchange(make_request("GET", "/")).status, 200U);
}

TEST(Listeners, AUnixPeerIsTrustedOnlyWhereNamed) {
    if (os::is_windows()) GTEST_SKIP() << "no unix sockets";
    FaultOrigin origin;
    TemporaryDirectory const directory;
    auto const path = directory.file("proxy.sock");
    for (bool const trusted : {false, true}) {
        ProxyFixture const proxy{origin, [&](config::Settings& s) {
                                     s.listener.listen = {{"", 0, path}};
                                     s.client.trust_unix_peers = trusted;
                                 }};
        auto client = RawClient::unix_socket(path);
        client.exchange(make_request("GET", "/", {{"X-Forwarded-For", "203.0.113.7"}}));
        auto const seen = origin.await_request(trusted ? 1 : 0);
        auto const forwarded = seen.field("X-Forwarded-For");
        EXPECT_EQ(forwarded.find("203.0.113.7") != std::string::npos, trusted) << forwarded;
    }
}

TEST(Listeners, AnAddressInUseIsAnErrorAtStart) {
    FaultOrigin origin;
    auto const taken = origin.port();
    EXPECT_THROW(
        (ProxyFixture{origin, [&](config::Settings& s) { s.listener.listen[0].port = taken; }}),
        std::exception);
}

// Both would have a part of the connections, and neither would know.
TEST(Listeners, OfTwoThatBeginTogetherOneGetsThePort) {
    if (os::is_windows()) GTEST_SKIP() << "no port is ever shared there (SO_EXCLUSIVEADDRUSE)";
    config::ListenAddress address{"127.0.0.1", 0, ""};
    address.port = ingress::Listener{address, 1}.port();
    int served = 0;
    for (int round = 0; round < 500; ++round) {
        std::barrier together{2};
        std::array<bool, 2> has{};
        auto const begin = [&](bool& mine) {
            std::vector<ingress::Listener> listeners;
            together.arrive_and_wait();
            try {
                listeners.emplace_back(address, 2);
                mine = true;
            } catch (ingress::ListenError const&) {
            }
            together.arrive_and_wait();  // nobody leaves before the other has tried
        };
        std::thread other{begin, std::ref(has[1])};
        begin(has[0]);
        other.join();
        ASSERT_FALSE(has[0] && has[1]) << "in round " << round;
        served += has[0] || has[1] ? 1 : 0;
    }
    EXPECT_GT(served, 0);
}

TEST(Listeners, ASecondServerOnThePortIsRefused) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (auto const* host : {"127.0.0.1", "0.0.0.0"}) {
        config::Settings settings;
        settings.listener.listen = {config::ListenAddress{host, proxy.port(), ""}};
        settings.listener.workers = 1;
        settings.upstream.upstreams = {upstream_at(origin)};
        EXPECT_THROW(server::Server{settings}, server::ListenError) << host;
    }
}

}  // namespace
}  // namespace reverse_proxy::integration
