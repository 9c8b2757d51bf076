#include "tests/support/fault_origin.hpp"

#include "tests/support/fault_connection.hpp"

#include <array>
#include <utility>

namespace reverse_proxy::test_support {

FaultOrigin::FaultOrigin() : FaultOrigin{Options{}} {}

FaultOrigin::FaultOrigin(Options options)
    : options_{std::move(options)}, listener_{Socket::listen_tcp(options_.address, options_.port,
                                                                 options_.socket)},
      port_{listener_.local_port()}, acceptor_{[this] { accept_connections(); }} {}

FaultOrigin::~FaultOrigin() {
    stop_.set();
    acceptor_.join();
    for (auto const& connection : connections_)
        connection->stop();
    connections_.clear();
}

void FaultOrigin::accept_connections() {
    for (;;) {
        std::array awaited{os::Awaited{listener_.fd(), os::Event::readable},
                           os::Awaited{stop_.descriptor(), os::Event::readable}};
        os::wait(awaited, kForEver);
        if (awaited[1].came) return;
        int const fd = os::accept(listener_.fd());
        if (fd < 0) continue;
        auto connection = std::make_unique<FaultConnection>(Socket{fd}, record_, options_.name);
        // Listed before it starts: else release() could miss one that is at its gate already.
        std::lock_guard const lock{mutex_};
        connections_.remove_if([](auto const& old) { return old->finished(); });
        connections_.push_back(std::move(connection));
        connections_.back()->start();
    }
}

void FaultOrigin::release(std::string const& gate) {
    record_.open_gate(gate);
    std::lock_guard const lock{mutex_};
    for (auto const& connection : connections_)
        connection->wake();
}

bool FaultOrigin::wait_at_gate(std::string const& gate, std::size_t count,
                               Deadline deadline) const {
    return record_.wait([&] { return record_.waiting_unlocked(gate) >= count; }, deadline);
}

bool FaultOrigin::wait_for_requests(std::size_t count, Deadline deadline) const {
    return record_.wait([&] { return record_.requests_unlocked().size() >= count; }, deadline);
}

SeenRequest FaultOrigin::await_request(std::size_t index, Deadline deadline) const {
    bool const came = record_.wait(
        [&] {
            auto const& all = record_.requests_unlocked();
            return all.size() > index && all[index].complete;
        },
        deadline);
    if (!came) throw TimedOut{"no complete request number " + std::to_string(index)};
    return record_.request(index);
}

bool FaultOrigin::wait_client_closed(std::size_t index, Deadline deadline) const {
    return record_.wait(
        [&] {
            auto const& all = record_.requests_unlocked();
            return all.size() > index && all[index].client_closed;
        },
        deadline);
}

bool FaultOrigin::wait_connections_open(std::size_t count, Deadline deadline) const {
    return record_.wait([&] { return record_.open_unlocked() == count; }, deadline);
}

bool FaultOrigin::wait_blocked(Deadline deadline) const {
    return record_.wait([&] { return record_.blocked_unlocked(); }, deadline);
}

RefusingPort::RefusingPort() : socket_{os::new_socket(AF_INET)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Bound but not listening: the port is ours, and the kernel answers a SYN with a reset.
    if (::bind(socket_.fd(), reinterpret_cast<sockaddr const*>(&address), sizeof(address)) != 0) {
        throw std::runtime_error{"bind"};
    }
}

SilentPort::SilentPort() : listener_{Socket::listen_tcp("127.0.0.1", 0)} {
    // With a backlog of 0 Linux holds one connection and then drops every SYN.
    ::listen(listener_.fd(), 0);
    fillers_.push_back(Socket::connect_tcp("127.0.0.1", listener_.local_port()));
}

}  // namespace reverse_proxy::test_support
