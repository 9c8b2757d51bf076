#include "reverse_proxy/server/self_check.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <future>
#include <string_view>
#include <thread>
#include <utility>

namespace reverse_proxy::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::string_view kRequest = "GET /healthz HTTP/1.1\r\n"
                                      "Host: localhost\r\n"
                                      "Connection: close\r\n\r\n";
constexpr std::string_view kGoodAnswer = "HTTP/1.1 200 ";

/// The status line tells all; the rest of the answer is not waited for.
template <typename Socket> std::optional<std::string> ask(Socket& socket) {
    asio::write(socket, asio::buffer(kRequest));
    std::array<char, kGoodAnswer.size()> answer{};
    asio::read(socket, asio::buffer(answer));
    std::string_view const line{answer.data(), answer.size()};
    if (line == kGoodAnswer) return std::nullopt;
    return "answered \"" + std::string{line.substr(0, line.find_first_of("\r\n"))} + '"';
}

std::optional<std::string> check(config::ListenAddress const& address) {
    try {
        asio::io_context io;
        if (address.is_unix()) {
            asio::local::stream_protocol::socket socket{io};
            socket.connect({address.unix_path});
            return ask(socket);
        }
        tcp::socket socket{io};
        asio::connect(socket, tcp::resolver{io}.resolve(address.host, std::to_string(address.port),
                                                        tcp::resolver::numeric_service));
        return ask(socket);
    } catch (boost::system::system_error const& error) {
        return error.code().message();
    }
}

}  // namespace

config::ListenAddress own_health_address(config::ListenerSettings const& settings) {
    config::ListenAddress address =
        settings.admin_listen.empty() ? settings.listen.front() : settings.admin_listen.front();
    boost::system::error_code no_literal;
    auto const literal = asio::ip::make_address(address.host, no_literal);
    if (!no_literal && literal.is_unspecified())
        address.host = literal.is_v6() ? "::1" : "127.0.0.1";
    return address;
}

std::optional<std::string> self_check(config::ListenerSettings const& settings,
                                      std::chrono::milliseconds bound) {
    auto const address = own_health_address(settings);
    std::packaged_task<std::optional<std::string>()> task{[address] { return check(address); }};
    auto answer = task.get_future();
    std::thread thread{std::move(task)};
    std::optional<std::string> problem;
    if (answer.wait_for(bound) == std::future_status::ready) {
        thread.join();
        problem = answer.get();
    } else {
        thread.detach();
        problem = "no answer within " + std::to_string(bound.count()) + " ms";
    }
    if (problem) problem = address.text() + ": " + *problem;
    return problem;
}

}  // namespace reverse_proxy::server
