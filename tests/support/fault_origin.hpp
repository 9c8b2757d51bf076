#pragma once

#include "tests/support/origin_record.hpp"
#include "tests/support/os.hpp"
#include "tests/support/socket.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace reverse_proxy::test_support {

class FaultConnection;

/// An HTTP/1.1 origin on a real loopback socket that does what each request tells it
/// (fault_script.hpp) and keeps a record of what it saw. A thread for each connection; all of them
/// end with the object. Its methods may be called by any thread.
class FaultOrigin {
public:
    struct Options {
        std::string name{"origin"};  // value of the response field X-Origin
        std::string address{"127.0.0.1"};
        std::uint16_t port{0};
        SocketOptions socket{};
    };
    FaultOrigin();
    explicit FaultOrigin(Options options);
    ~FaultOrigin();
    FaultOrigin(FaultOrigin const&) = delete;
    FaultOrigin& operator=(FaultOrigin const&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string const& address() const { return options_.address; }

    /// Script of the next request, before what it says itself; queues.
    void next(std::string const& script) { record_.order_next(script); }
    /// Script of every request that brings none.
    void always(std::string const& script) { record_.order_always(script); }
    /// The same for one path, such as that of health probes.
    void always_for(std::string const& path, std::string const& script) {
        record_.order_for_path(path, script);
    }

    /// Opens a gate for good.
    void release(std::string const& gate);
    /// True once `count` requests wait at the gate.
    bool wait_at_gate(std::string const& gate, std::size_t count = 1,
                      Deadline deadline = within()) const;

    [[nodiscard]] std::vector<SeenRequest> requests() const { return record_.requests(); }
    [[nodiscard]] std::size_t request_count() const { return record_.request_count(); }
    /// True once the heads of `count` requests have been read.
    bool wait_for_requests(std::size_t count, Deadline deadline = within()) const;
    /// Request number `index` (from 0) once it was read to its end; throws TimedOut.
    SeenRequest await_request(std::size_t index, Deadline deadline = within()) const;
    /// True once the other side of request `index` has gone before its answer.
    bool wait_client_closed(std::size_t index, Deadline deadline = within()) const;

    [[nodiscard]] std::size_t connections_accepted() const {
        return record_.connections_accepted();
    }
    [[nodiscard]] std::size_t connections_open() const { return record_.connections_open(); }
    bool wait_connections_open(std::size_t count, Deadline deadline = within()) const;

    /// Bytes of heads and content that reached this origin, well-formed or not.
    [[nodiscard]] std::uint64_t bytes_received() const { return record_.bytes_received(); }
    [[nodiscard]] std::uint64_t bytes_sent() const { return record_.bytes_sent(); }
    /// True once a response cannot be sent on because nobody reads it.
    bool wait_blocked(Deadline deadline = within()) const;
    /// What a strict reader could not accept of what came in.
    [[nodiscard]] std::vector<std::string> violations() const { return record_.violations(); }

private:
    void accept_connections();

    Options options_;
    OriginRecord record_;
    Socket listener_;
    std::uint16_t port_;
    os::Wake stop_;
    std::mutex mutex_;
    std::list<std::unique_ptr<FaultConnection>> connections_;
    std::thread acceptor_;
};

/// A port of 127.0.0.1 on which every connect is refused, as long as the object lives.
class RefusingPort {
public:
    RefusingPort();
    [[nodiscard]] std::uint16_t port() const { return socket_.local_port(); }

private:
    Socket socket_;
};

/// A port of 127.0.0.1 on which a connect gets no answer: a listener whose backlog is full.
class SilentPort {
public:
    SilentPort();
    [[nodiscard]] std::uint16_t port() const { return listener_.local_port(); }

private:
    Socket listener_;
    std::vector<Socket> fillers_;
};

}  // namespace reverse_proxy::test_support
