#pragma once

#include "reverse_proxy/ingress/connection.hpp"

namespace reverse_proxy::ingress {

/// Accepts connections on one listening socket until it would block, and lets each of them go its
/// way.
///
/// Pauses while the limit (MAX_CONNECTIONS) is reached or descriptors have run out; the kernel's
/// backlog holds the rest.
class Acceptor {
public:
    /// Takes a connection over; where the worker has its listening socket for itself, this worker.
    using Accepted =
        std::function<void(int descriptor, modifiers::Peer, admission::CountingLimit::Permit)>;

    Acceptor(Clients& clients, int descriptor, admission::CountingLimit& limit, Accepted accepted);
    Acceptor(Acceptor const&) = delete;
    Acceptor& operator=(Acceptor const&) = delete;

    void start();
    /// Goes on after a pause; called with each tick and whenever a connection has closed.
    void resume();
    /// First step of a drain: no new connection reaches the socket, those in its queue are still
    /// accepted.
    void refuse_new();
    /// Next step, to be repeated with each tick: accepts what its queue holds, and closes the
    /// socket once all that was in it when new ones were refused has been accepted. While accepting
    /// pauses it stays open.
    void close_when_empty();
    /// Closes the socket; those still in its queue are reset.
    void close();
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }

private:
    struct Ready : core::Waiter {
        explicit Ready(Acceptor& owner) : Waiter{&woken}, acceptor{owner} {}
        static void woken(core::Waiter& self, core::Wake wake);
        Acceptor& acceptor;
    };

    void accept_all();
    bool accept_one();

    Clients& clients_;
    core::Socket socket_;
    admission::CountingLimit& limit_;
    Accepted accepted_;
    Ready ready_{*this};
    int accepted_since_refusal_{-1};  // -1: new ones are not refused
    bool paused_{false};
    bool accepting_{false};
};

}  // namespace reverse_proxy::ingress
