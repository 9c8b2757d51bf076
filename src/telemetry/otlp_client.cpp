#include "telemetry/otlp_client.hpp"

#include "reverse_proxy/core/ip_network.hpp"
#include "reverse_proxy/core/name_lookup.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace reverse_proxy::telemetry {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr auto kTuple = net::as_tuple(net::use_awaitable);

// An ExportTraceServiceResponse is a line; more of an answer than this is not read.
constexpr std::size_t kMostHeadBytes = 16 * 1024;
constexpr std::size_t kMostContentBytes = 64 * 1024;

OtlpAnswer no_answer(char const* step, error_code ec) {
    OtlpAnswer answer;
    answer.why = std::string{step} + ": " + ec.message();
    return answer;
}

}  // namespace

struct OtlpClient::State {
    State(net::io_context& io, Collector to)
        : collector{std::move(to)}, names{io}, looked_up{io}, stream{io}, buffer{kMostHeadBytes} {}

    net::awaitable<error_code> look_up();
    net::awaitable<error_code> connect();
    net::awaitable<OtlpAnswer> exchange(std::string const& json);
    net::awaitable<OtlpAnswer> read_answer();

    Collector collector;
    core::NameLookup names;
    core::NameLookup::Addresses addresses;
    std::uint64_t lookups{0};
    net::steady_timer looked_up;  // cancelled at the answer and by close()
    core::TimePoint deadline;
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    bool connected{false};
};

OtlpClient::OtlpClient(net::io_context& io, Collector collector)
    : state_{std::make_unique<State>(io, std::move(collector))} {}

OtlpClient::~OtlpClient() = default;

void OtlpClient::close() {
    state_->looked_up.cancel();
    state_->stream.close();
    state_->connected = false;
}

net::awaitable<OtlpAnswer> OtlpClient::post(std::string const& json, core::Duration timeout) {
    // Set once: it bounds look-up, connect, request and answer together.
    state_->deadline = core::Clock::now() + timeout;
    state_->stream.expires_at(state_->deadline);
    OtlpAnswer answer = co_await state_->exchange(json);
    if (!state_->connected) close();
    state_->stream.expires_never();
    co_return answer;
}

/// The name is looked up for each connection: collectors move.
net::awaitable<error_code> OtlpClient::State::look_up() {
    addresses.clear();
    if (auto const address = core::parse_address(collector.host)) {
        addresses.push_back(*address);
        co_return error_code{};
    }
    error_code outcome = net::error::timed_out;
    looked_up.expires_at(deadline);
    names.start(collector.host, [this, &outcome, number = ++lookups](error_code ec, auto found) {
        if (number != lookups) return;
        outcome = ec;
        addresses = std::move(found);
        looked_up.cancel();
    });
    co_await looked_up.async_wait(kTuple);
    ++lookups;  // an answer that comes later is nobody's
    co_return outcome;
}

net::awaitable<error_code> OtlpClient::State::connect() {
    buffer.clear();
    if (error_code const ec = co_await look_up(); ec) co_return ec;
    std::vector<net::ip::tcp::endpoint> endpoints;
    for (auto const& address : addresses)
        endpoints.emplace_back(address, collector.port);
    auto [ec, endpoint] = co_await stream.async_connect(endpoints, kTuple);
    connected = !ec;
    co_return ec;
}

net::awaitable<OtlpAnswer> OtlpClient::State::exchange(std::string const& json) {
    if (!connected) {
        if (error_code const ec = co_await connect(); ec) co_return no_answer("connect", ec);
    }
    http::request<http::string_body> request{http::verb::post, collector.path, 11};
    request.set(http::field::host, collector.authority);
    request.set(http::field::user_agent, "reverse-proxy");
    request.set(http::field::content_type, "application/json");
    for (auto const& [name, value] : collector.fields)
        request.set(name, value);
    request.body() = json;
    request.prepare_payload();
    auto [ec, written] = co_await http::async_write(stream, request, kTuple);
    if (ec) {
        connected = false;
        co_return no_answer("send", ec);
    }
    co_return co_await read_answer();
}

net::awaitable<OtlpAnswer> OtlpClient::State::read_answer() {
    for (;;) {
        http::response_parser<http::string_body> parser;
        parser.header_limit(kMostHeadBytes);
        parser.body_limit(kMostContentBytes);
        auto [ec, read] = co_await http::async_read(stream, buffer, parser, kTuple);
        // Content that is too long changes nothing of what the head has said.
        if (ec && (ec != http::error::body_limit || !parser.is_header_done())) {
            connected = false;
            co_return no_answer("answer", ec);
        }
        auto const& response = parser.get();
        unsigned const status = response.result_int();
        if (status < 200) continue;  // interim (RFC 9110, 15.2); the time-out bounds their number
        connected = !ec && parser.keep_alive();
        auto const wait = response[http::field::retry_after];
        co_return judge_answer(status, {wait.data(), wait.size()}, response.body());
    }
}

}  // namespace reverse_proxy::telemetry
