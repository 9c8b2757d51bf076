#include "reverse_proxy/server/demo_origin.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <thread>

namespace reverse_proxy::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

/// One connection, kept alive by the handlers that refer to it.
class Session : public std::enable_shared_from_this<Session> {
public:
    Session(tcp::socket socket, std::string const& name)
        : stream_{std::move(socket)}, name_{name} {}

    void read() {
        request_ = {};
        stream_.expires_after(std::chrono::seconds{60});
        http::async_read(stream_, buffer_, request_,
                         [self = shared_from_this()](beast::error_code const& error, std::size_t) {
                             if (!error) self->answer();
                         });
    }

private:
    void answer() {
        response_ = {http::status::ok, request_.version()};
        response_.set(http::field::content_type, "text/plain");
        response_.body() = name_ + " answers " + std::string{request_.method_string()} + " " +
                           std::string{request_.target()} + "\n";
        response_.keep_alive(request_.keep_alive());
        response_.prepare_payload();
        if (request_.method() == http::verb::head) response_.body().clear();
        http::async_write(stream_, response_,
                          [self = shared_from_this()](beast::error_code const& error, std::size_t) {
                              if (!error && self->response_.keep_alive()) self->read();
                          });
    }

    beast::tcp_stream stream_;
    std::string const& name_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response<http::string_body> response_;
};

}  // namespace

struct DemoOrigin::State {
    explicit State(std::string text) : name{std::move(text)} {
        accept();
        thread = std::thread{[this] { io.run(); }};
    }

    void accept() {
        acceptor.async_accept([this](beast::error_code const& error, tcp::socket socket) {
            if (error) return;
            std::make_shared<Session>(std::move(socket), name)->read();
            accept();
        });
    }

    std::string name;
    asio::io_context io{1};
    tcp::acceptor acceptor{io, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
    std::thread thread;
};

DemoOrigin::DemoOrigin(std::string name) : state_{std::make_unique<State>(std::move(name))} {}

DemoOrigin::~DemoOrigin() {
    state_->io.stop();
    state_->thread.join();
}

std::uint16_t DemoOrigin::port() const {
    return state_->acceptor.local_endpoint().port();
}

}  // namespace reverse_proxy::server
