#include "reverse_proxy/core/name_lookup.hpp"

#include "reverse_proxy/platform/process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace reverse_proxy::core {

namespace asio = boost::asio;

namespace {

NameLookup::Answer ask_system(std::string const& host) {
    asio::io_context unused;
    asio::ip::tcp::resolver resolver{unused};
    NameLookup::Answer answer;
    for (auto const& entry :
         resolver.resolve(host, "", asio::ip::resolver_base::address_configured, answer.error))
        answer.addresses.push_back(entry.endpoint().address());
    return answer;
}

}  // namespace

/// What threads hold that may outlive the owner.
struct NameLookup::Shared {
    void tell(Handler handler, Answer answer);

    Ask ask;
    std::mutex mutex;
    asio::io_context* io;  // null: nobody wants to know any more
};

void NameLookup::Shared::tell(Handler handler, Answer answer) {
    std::lock_guard const lock{mutex};
    if (io == nullptr) return;
    asio::post(*io, [handler = std::move(handler), answer = std::move(answer)]() mutable {
        handler(answer.error, std::move(answer.addresses));
    });
}

NameLookup::NameLookup(asio::io_context& io, Ask ask) : shared_{std::make_shared<Shared>()} {
    shared_->ask = ask ? std::move(ask) : Ask{ask_system};
    shared_->io = &io;
}

NameLookup::~NameLookup() {
    std::lock_guard const lock{shared_->mutex};
    shared_->io = nullptr;
}

void NameLookup::start(std::string host, Handler handler) {
    try {
        std::thread{[shared = shared_, host = std::move(host), handler] {
            platform::name_thread("name-lookup");
            shared->tell(handler, shared->ask(host));
        }}.detach();
    } catch (std::system_error const& error) {
        shared_->tell(std::move(handler), {error.code(), {}});
    }
}

}  // namespace reverse_proxy::core
