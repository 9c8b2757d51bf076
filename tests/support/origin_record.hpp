#pragma once

#include "tests/support/fault_script.hpp"
#include "tests/support/message_reader.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace reverse_proxy::test_support {

/// One request as the origin read it.
struct SeenRequest {
    std::string raw_head;
    std::string method;
    std::string target;
    std::string version;
    FieldList fields;
    std::string content;  // decoded; the first 256 KiB
    std::uint64_t content_bytes{0};
    bool content_is_pattern{true};
    FieldList trailers;
    bool complete{false};       // read to its end
    bool client_closed{false};  // the other side went away before it was answered
    std::size_t connection{0};  // 1, 2, ... in the order of acceptance

    [[nodiscard]] std::string field(std::string_view name) const { return joined(fields, name); }
    [[nodiscard]] std::size_t count(std::string_view name) const { return count_of(fields, name); }
};

/// All that an origin has seen, its gates and its orders, shared by its threads and the test's.
/// Thread-safe; every wait of a test is bounded and ends by an event.
class OriginRecord {
public:
    // For the origin's connections.
    FaultScript script_for(MessageHead const& head);
    std::size_t add_request(SeenRequest request);
    void update_request(std::size_t index, std::function<void(SeenRequest&)> const& change);
    void add_violation(std::string text);
    void received_bytes(std::size_t size);
    void sent_bytes(std::size_t size);
    void blocked_while_sending();
    std::size_t connection_opened();
    void connection_closed();
    void arrived_at_gate(std::string const& gate);
    void left_gate(std::string const& gate);
    [[nodiscard]] bool gate_is_open(std::string const& gate) const;

    // For the test.
    void order_next(std::string const& script);
    void order_always(std::string const& script);
    void order_for_path(std::string const& path, std::string const& script);
    void open_gate(std::string const& gate);
    [[nodiscard]] std::vector<SeenRequest> requests() const;
    [[nodiscard]] SeenRequest request(std::size_t index) const;
    [[nodiscard]] std::size_t request_count() const;
    [[nodiscard]] std::vector<std::string> violations() const;
    [[nodiscard]] std::size_t connections_accepted() const;
    [[nodiscard]] std::size_t connections_open() const;
    [[nodiscard]] std::uint64_t bytes_received() const;
    [[nodiscard]] std::uint64_t bytes_sent() const;
    /// @return false where `condition` did not become true in time; it is asked under the lock
    bool wait(std::function<bool()> const& condition, Deadline deadline) const;
    [[nodiscard]] std::vector<SeenRequest> const& requests_unlocked() const { return requests_; }
    [[nodiscard]] std::size_t waiting_unlocked(std::string const& gate) const;
    [[nodiscard]] std::size_t open_unlocked() const { return open_; }
    [[nodiscard]] bool blocked_unlocked() const { return blocked_; }

private:
    struct Gate {
        bool open{false};
        std::size_t waiting{0};
    };

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<SeenRequest> requests_;
    std::vector<std::string> violations_;
    std::map<std::string, Gate> gates_;
    std::deque<std::string> next_;
    std::string always_;
    std::map<std::string, std::string> for_path_;
    std::size_t accepted_{0};
    std::size_t open_{0};
    std::uint64_t received_{0};
    std::uint64_t sent_{0};
    bool blocked_{false};
};

}  // namespace reverse_proxy::test_support
