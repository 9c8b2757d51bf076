#pragma once

#include "tests/support/os.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <unistd.h>

namespace reverse_proxy::telemetry {

/// Standard output as a pipe that nobody reads until start_reading.
class StuckStdout {
public:
    StuckStdout() {
        std::fflush(stdout);
        saved_ = dup(STDOUT_FILENO);
        auto const ends = test_support::os::new_pipe();
        if (saved_ < 0 || dup2(ends[1], STDOUT_FILENO) < 0) std::abort();
        close(ends[1]);
        reading_end_ = ends[0];
    }
    ~StuckStdout() { close(reading_end_); }
    StuckStdout(StuckStdout const&) = delete;
    StuckStdout& operator=(StuckStdout const&) = delete;

    /// Reads on this thread, waiting for as long as it takes, until `wanted` lines have come.
    std::size_t read_lines(std::size_t wanted) {
        std::size_t lines = 0;
        char buffer[4096];
        while (lines < wanted) {
            auto const n = read(reading_end_, buffer, sizeof buffer);
            if (n <= 0) break;
            lines += static_cast<std::size_t>(std::count(buffer, buffer + n, '\n'));
        }
        return lines;
    }
    void start_reading() {
        reader_ = std::thread{[this] {
            char buffer[4096];
            for (long n = 0; (n = read(reading_end_, buffer, sizeof buffer)) > 0;)
                lines_ += static_cast<std::size_t>(std::count(buffer, buffer + n, '\n'));
        }};
    }
    /// Puts standard output back. Returns the lines that were read.
    std::size_t finish() {
        std::fflush(stdout);
        dup2(saved_, STDOUT_FILENO);  // closes the pipe's last writing end
        close(saved_);
        reader_.join();
        return lines_;
    }

private:
    int saved_{-1};
    int reading_end_{-1};
    std::size_t lines_{0};
    std::thread reader_;
};

}  // namespace reverse_proxy::telemetry
