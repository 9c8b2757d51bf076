#include "reverse_proxy/upstream/health_prober.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace net = boost::asio;
using net::ip::tcp;
using reverse_proxy::balancing::CircuitBreaker;
using reverse_proxy::balancing::Endpoint;
using reverse_proxy::balancing::EndpointList;
using reverse_proxy::balancing::Rotation;
using reverse_proxy::config::HealthSettings;
using reverse_proxy::core::Clock;
using reverse_proxy::core::kNever;
using reverse_proxy::core::Random;
using reverse_proxy::upstream::HealthProber;

// Answers each connection's request with `answer` and closes, or keeps it open and says nothing
// where `answer` is empty.
class Origin {
public:
    explicit Origin(net::io_context& control)
        : acceptor_{control, tcp::endpoint{net::ip::address_v4::loopback(), 0}} {
        accept();
    }
    [[nodiscard]] tcp::endpoint address() const { return acceptor_.local_endpoint(); }
    [[nodiscard]] std::size_t ended_by_peer() const { return ended_by_peer_; }

    std::string answer{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    std::vector<std::string> requests;

private:
    struct Connection {
        explicit Connection(tcp::socket accepted) : socket{std::move(accepted)} {}
        tcp::socket socket;
        net::streambuf input;
        std::string output;
    };
    void accept() {
        acceptor_.async_accept([this](auto ec, tcp::socket socket) {
            if (ec) return;
            serve(std::make_shared<Connection>(std::move(socket)));
            accept();
        });
    }
    void serve(std::shared_ptr<Connection> const& connection) {
        net::async_read_until(
            connection->socket, connection->input, "\r\n\r\n",
            [this, connection](auto ec, std::size_t) {
                if (ec) return;
                requests.emplace_back(net::buffers_begin(connection->input.data()),
                                      net::buffers_end(connection->input.data()));
                connection->output = answer;
                net::async_write(connection->socket, net::buffer(connection->output),
                                 [this, connection](auto, std::size_t) {
                                     if (connection->output.empty()) await_end(connection);
                                 });
            });
    }
    void await_end(std::shared_ptr<Connection> const& connection) {
        connection->input.consume(connection->input.size());
        net::async_read(connection->socket, connection->input,
                        [this, connection](auto, std::size_t) { ++ended_by_peer_; });
    }

    tcp::acceptor acceptor_;
    std::size_t ended_by_peer_{0};
};

class HealthProberTest : public testing::Test {
protected:
    static constexpr auto kBound = 10s;

    HealthProberTest() {
        settings_.enabled = true;
        settings_.interval = 0s;  // one probe after the other
        settings_.path = "/health?full=1";
    }
    std::shared_ptr<Endpoint> endpoint_at(tcp::endpoint const& address) {
        auto endpoint = std::make_shared<Endpoint>(CircuitBreaker::Config{}, 1);
        endpoint->label = "127.0.0.1:" + std::to_string(address.port());
        endpoint->authority = "origin.example:9000";
        endpoint->prefix = "/prefix";
        endpoint->address = address;
        return endpoint;
    }
    // Bound, but nobody listens: connections are refused and nobody else gets the port.
    tcp::endpoint refusing_address() {
        bound_.emplace_back(control_, tcp::endpoint{net::ip::address_v4::loopback(), 0});
        return bound_.back().local_endpoint();
    }
    HealthProber& probe(EndpointList const& endpoints) {
        prober_ =
            std::make_unique<HealthProber>(control_, settings_, rotation_, transitions_, Random{7});
        prober_->set_endpoints(endpoints);
        return *prober_;
    }
    bool run_until(std::function<bool()> const& reached) {
        control_.restart();
        auto const end = Clock::now() + kBound;
        while (!reached() && Clock::now() < end)
            control_.run_one_until(end);
        return reached();
    }
    bool run_until_failed_probes(Endpoint const& endpoint, std::uint64_t count) {
        return run_until([&] { return endpoint.probes_failed >= count; });
    }

    Rotation rotation_;
    reverse_proxy::telemetry::Transitions transitions_;
    net::io_context control_;
    std::vector<tcp::socket> bound_;
    HealthSettings settings_;
    std::unique_ptr<HealthProber> prober_;
};

TEST_F(HealthProberTest, AsksForThePathAndClosesAfterwards) {
    Origin origin{control_};
    auto const endpoint = endpoint_at(origin.address());
    probe({endpoint});
    ASSERT_TRUE(run_until([&] { return endpoint->probes_ok >= 1; }));
    EXPECT_EQ(origin.requests.at(0), "GET /prefix/health?full=1 HTTP/1.1\r\n"
                                     "Host: origin.example:9000\r\n"
                                     "User-Agent: reverse-proxy-healthcheck\r\n"
                                     "Connection: close\r\n\r\n");
    EXPECT_TRUE(endpoint->healthy);
    EXPECT_EQ(rotation_.eligibility_version, 0U) << "nothing changed";
}

TEST_F(HealthProberTest, TellsGoodAnswersFromBadOnes) {
    struct Case {
        std::string answer;
        bool success;
    };
    for (auto const& [answer, success] : std::vector<Case>{
             {"HTTP/1.1 200 OK\r\n\r\n", true},
             {"HTTP/1.0 204 No Content\r\n\r\n", true},
             {"HTTP/1.1 200\r\n\r\n", true},
             {"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", true},
             {"HTTP/1.1 399 Odd\r\n\r\n", true},
             {"HTTP/1.1 200 OK\r\nContent-Length: 99000000000\r\n\r\nthe rest does not matter",
              true},
             {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", true},
             {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n\r\n", false},
             {"HTTP/1.1 404 Not Found\r\n\r\n", false},
             {"HTTP/1.1 500 No\r\n\r\n", false},
             {"HTTP/1.1 200 OK\r\n", false},
             {"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", false},
             {"SSH-2.0-OpenSSH_9.2\r\n\r\n", false},
             {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n", false}}) {
        Origin origin{control_};
        origin.answer = answer;
        auto const endpoint = endpoint_at(origin.address());
        probe({endpoint});
        ASSERT_TRUE(run_until([&] { return endpoint->probes_ok + endpoint->probes_failed > 0; }));
        EXPECT_EQ(endpoint->probes_ok > 0, success) << answer.substr(0, 40);
        prober_.reset();
        while (control_.poll() > 0) {
        }
    }
}

TEST_F(HealthProberTest, TurnsAtTheThresholdsAndBackAgain) {
    settings_.unhealthy_threshold = 3;
    Origin origin{control_};
    origin.answer = "HTTP/1.1 500 No\r\n\r\n";
    auto const endpoint = endpoint_at(origin.address());
    probe({endpoint});
    ASSERT_TRUE(run_until_failed_probes(*endpoint, 2));
    EXPECT_TRUE(endpoint->healthy);
    EXPECT_EQ(rotation_.next_probe_at.load(), kNever);
    ASSERT_TRUE(run_until([&] { return !endpoint->healthy; }));
    EXPECT_EQ(endpoint->probes_failed, 3U);
    EXPECT_EQ(rotation_.eligibility_version, 1U);
    EXPECT_LT(rotation_.next_probe_at.load(), kNever);

    origin.answer = "HTTP/1.1 200 OK\r\n\r\n";
    ASSERT_TRUE(run_until([&] { return endpoint->healthy.load(); }));
    EXPECT_GE(endpoint->probes_ok, settings_.healthy_threshold);
    EXPECT_EQ(rotation_.eligibility_version, 2U);
    EXPECT_EQ(rotation_.next_probe_at.load(), kNever);
}

TEST_F(HealthProberTest, ARefusedConnectionIsAFailure) {
    auto const endpoint = endpoint_at(refusing_address());
    probe({endpoint});
    ASSERT_TRUE(run_until([&] { return !endpoint->healthy; }));
    EXPECT_EQ(endpoint->probes_failed, 2U);
}

TEST_F(HealthProberTest, AnOriginThatNeverAnswersTimesOut) {
    settings_.timeout = 20ms;
    Origin origin{control_};
    origin.answer.clear();
    auto const endpoint = endpoint_at(origin.address());
    auto const begun = Clock::now();
    probe({endpoint});
    ASSERT_TRUE(run_until([&] { return !endpoint->healthy; }));
    EXPECT_GE(Clock::now() - begun, 2 * settings_.timeout);
    ASSERT_TRUE(run_until([&] { return origin.ended_by_peer() >= 2; })) << "and is hung up on";
}

TEST_F(HealthProberTest, ProbesOncePerIntervalWithJitter) {
    settings_.interval = 5s;
    settings_.unhealthy_threshold = 1;
    EndpointList endpoints;
    for (int i = 0; i < 20; ++i)
        endpoints.push_back(endpoint_at(refusing_address()));
    std::vector<Clock::duration> waits;
    for (auto const& endpoint : endpoints) {
        auto const before = Clock::now();
        HealthProber prober{control_, settings_, rotation_, transitions_, Random{waits.size()}};
        prober.set_endpoints({endpoint});
        ASSERT_TRUE(run_until_failed_probes(*endpoint, 1)) << "the first one at once";
        EXPECT_GE(rotation_.next_probe_at.load() - before, 4500ms);
        EXPECT_LE(rotation_.next_probe_at.load() - Clock::now(), 5500ms);
        waits.push_back(rotation_.next_probe_at.load() - before);
    }
    auto const [least, most] = std::minmax_element(waits.begin(), waits.end());
    EXPECT_GT(*most - *least, 500ms) << "not in step";
}

TEST_F(HealthProberTest, FollowsTheListOfEndpoints) {
    Origin origin{control_};
    auto const stays = endpoint_at(origin.address());
    auto const goes = endpoint_at(origin.address());
    auto const comes = endpoint_at(refusing_address());
    settings_.interval = 1h;
    probe({stays, goes});
    ASSERT_TRUE(run_until([&] { return stays->probes_ok == 1 && goes->probes_ok == 1; }));
    prober_->set_endpoints({comes, stays});
    ASSERT_TRUE(run_until_failed_probes(*comes, 1));
    control_.poll();
    EXPECT_EQ(stays->probes_ok, 1U) << "it keeps its rhythm";
    EXPECT_EQ(goes->probes_ok, 1U);
    EXPECT_EQ(goes.use_count(), 1) << "nothing holds on to it";
}

TEST_F(HealthProberTest, SaysWhileItFailsOpen) {
    settings_.fail_open = true;
    Origin origin{control_};
    origin.answer = "HTTP/1.1 500 No\r\n\r\n";
    auto const down = endpoint_at(refusing_address());
    auto const flapping = endpoint_at(origin.address());
    probe({down, flapping});
    ASSERT_TRUE(run_until([&] { return !down->healthy && !flapping->healthy; }));
    EXPECT_TRUE(rotation_.failing_open);
    origin.answer = "HTTP/1.1 200 OK\r\n\r\n";
    ASSERT_TRUE(run_until([&] { return flapping->healthy.load(); }));
    EXPECT_FALSE(rotation_.failing_open);
    prober_->set_endpoints({down});
    EXPECT_TRUE(rotation_.failing_open);
    prober_->set_endpoints({});
    EXPECT_FALSE(rotation_.failing_open);
}

TEST_F(HealthProberTest, StopsInTheMiddleOfAProbe) {
    Origin origin{control_};
    origin.answer.clear();
    settings_.timeout = 1h;
    auto const endpoint = endpoint_at(origin.address());
    probe({endpoint});
    ASSERT_TRUE(run_until([&] { return !origin.requests.empty(); }));
    prober_->stop();
    prober_.reset();
    ASSERT_TRUE(run_until([&] { return origin.ended_by_peer() == 1; }));
    control_.poll();
    EXPECT_EQ(endpoint->probes_failed, 0U);
    EXPECT_EQ(endpoint.use_count(), 1);
}

TEST_F(HealthProberTest, StopsWhileItWaits) {
    settings_.interval = 1h;
    Origin origin{control_};
    auto const endpoint = endpoint_at(origin.address());
    probe({endpoint});
    ASSERT_TRUE(run_until([&] { return endpoint->probes_ok == 1; }));
    prober_.reset();
    ASSERT_TRUE(run_until([&] { return endpoint.use_count() == 1; }));
    EXPECT_EQ(endpoint->probes_ok, 1U);
}

}  // namespace
