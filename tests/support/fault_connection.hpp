#pragma once

#include "tests/support/fault_script.hpp"
#include "tests/support/message_reader.hpp"
#include "tests/support/origin_record.hpp"
#include "tests/support/os.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace reverse_proxy::test_support {

/// One connection of a FaultOrigin with its thread: reads requests one after the other, records
/// them, answers by script. `stop` and `wake` may be called by any thread.
class FaultConnection {
public:
    FaultConnection(Socket socket, OriginRecord& record, std::string origin_name);
    ~FaultConnection();
    FaultConnection(FaultConnection const&) = delete;
    FaultConnection& operator=(FaultConnection const&) = delete;

    void start();
    void stop();
    /// Lets a wait at a gate look again.
    void wake();
    /// Its socket is closed and nothing more is recorded.
    [[nodiscard]] bool finished() const { return finished_; }

private:
    enum class Next { keep, close, reset };

    void serve();
    Next serve_one(MessageHead head);
    void read_content(std::size_t index);
    Next answer(std::size_t index, FaultScript const& script);
    Next send_final(std::size_t index, FaultScript const& script, SeenRequest const& request);
    Next send_content(std::size_t index, FaultScript const& script, std::string_view content);
    std::string head_text(FaultScript const& script, SeenRequest const& request,
                          std::uint64_t content_bytes) const;
    Next tunnel(std::size_t index, FaultScript const& script, SeenRequest const& request);
    bool pass_gate(std::string const& gate, std::size_t index);
    void pause(std::chrono::milliseconds duration);
    void send(FaultScript const& script, std::string_view bytes);
    void finish(bool by_reset);

    MessageReader reader_;
    OriginRecord& record_;
    std::string origin_name_;
    std::size_t number_;
    os::Wake wake_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> finished_{false};
    MessageFraming framing_;  // of the request that is served
    bool reset_next_request_{false};
    std::mutex closing_;  // the socket is closed by its thread and interrupted by others
    std::thread thread_;
};

}  // namespace reverse_proxy::test_support
