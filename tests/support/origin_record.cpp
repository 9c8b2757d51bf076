#include "tests/support/origin_record.hpp"

#include <sstream>
#include <utility>

namespace reverse_proxy::test_support {

FaultScript OriginRecord::script_for(MessageHead const& head) {
    std::lock_guard const lock{mutex_};
    if (!next_.empty()) {
        FaultScript script{next_.front()};
        next_.pop_front();
        return script;
    }
    if (auto const own = joined(head.fields, "X-Fault"); !own.empty()) return FaultScript{own};
    std::istringstream line{head.start_line};
    std::string method;
    std::string target;
    line >> method >> target;
    auto const found = for_path_.find(target);
    return FaultScript{found != for_path_.end() ? found->second : always_};
}

std::size_t OriginRecord::add_request(SeenRequest request) {
    std::lock_guard const lock{mutex_};
    requests_.push_back(std::move(request));
    changed_.notify_all();
    return requests_.size() - 1;
}

void OriginRecord::update_request(std::size_t index,
                                  std::function<void(SeenRequest&)> const& change) {
    std::lock_guard const lock{mutex_};
    change(requests_.at(index));
    changed_.notify_all();
}

void OriginRecord::add_violation(std::string text) {
    std::lock_guard const lock{mutex_};
    violations_.push_back(std::move(text));
}

void OriginRecord::received_bytes(std::size_t size) {
    std::lock_guard const lock{mutex_};
    received_ += size;
}

void OriginRecord::sent_bytes(std::size_t size) {
    std::lock_guard const lock{mutex_};
    sent_ += size;
    blocked_ = false;
}

void OriginRecord::blocked_while_sending() {
    std::lock_guard const lock{mutex_};
    blocked_ = true;
    changed_.notify_all();
}

std::size_t OriginRecord::connection_opened() {
    std::lock_guard const lock{mutex_};
    ++open_;
    changed_.notify_all();
    return ++accepted_;
}

void OriginRecord::connection_closed() {
    std::lock_guard const lock{mutex_};
    --open_;
    changed_.notify_all();
}

void OriginRecord::arrived_at_gate(std::string const& gate) {
    std::lock_guard const lock{mutex_};
    ++gates_[gate].waiting;
    changed_.notify_all();
}

void OriginRecord::left_gate(std::string const& gate) {
    std::lock_guard const lock{mutex_};
    --gates_[gate].waiting;
    changed_.notify_all();
}

bool OriginRecord::gate_is_open(std::string const& gate) const {
    std::lock_guard const lock{mutex_};
    auto const found = gates_.find(gate);
    return found != gates_.end() && found->second.open;
}

void OriginRecord::order_next(std::string const& script) {
    FaultScript const checked{script};
    std::lock_guard const lock{mutex_};
    next_.push_back(script);
}

void OriginRecord::order_always(std::string const& script) {
    FaultScript const checked{script};
    std::lock_guard const lock{mutex_};
    always_ = script;
}

void OriginRecord::order_for_path(std::string const& path, std::string const& script) {
    FaultScript const checked{script};
    std::lock_guard const lock{mutex_};
    for_path_[path] = script;
}

void OriginRecord::open_gate(std::string const& gate) {
    std::lock_guard const lock{mutex_};
    gates_[gate].open = true;
}

std::vector<SeenRequest> OriginRecord::requests() const {
    std::lock_guard const lock{mutex_};
    return requests_;
}

SeenRequest OriginRecord::request(std::size_t index) const {
    std::lock_guard const lock{mutex_};
    return requests_.at(index);
}

std::size_t OriginRecord::request_count() const {
    std::lock_guard const lock{mutex_};
    return requests_.size();
}

std::vector<std::string> OriginRecord::violations() const {
    std::lock_guard const lock{mutex_};
    return violations_;
}

std::size_t OriginRecord::connections_accepted() const {
    std::lock_guard const lock{mutex_};
    return accepted_;
}

std::size_t OriginRecord::connections_open() const {
    std::lock_guard const lock{mutex_};
    return open_;
}

std::uint64_t OriginRecord::bytes_received() const {
    std::lock_guard const lock{mutex_};
    return received_;
}

std::uint64_t OriginRecord::bytes_sent() const {
    std::lock_guard const lock{mutex_};
    return sent_;
}

bool OriginRecord::wait(std::function<bool()> const& condition, Deadline deadline) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_until(lock, deadline, condition);
}

std::size_t OriginRecord::waiting_unlocked(std::string const& gate) const {
    auto const found = gates_.find(gate);
    return found == gates_.end() ? 0 : found->second.waiting;
}

}  // namespace reverse_proxy::test_support
