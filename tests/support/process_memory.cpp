#include "tests/support/process_memory.hpp"

#include <fstream>
#include <stdexcept>
#include <string>

namespace reverse_proxy::test_support {
namespace {

std::uint64_t status_bytes(std::string const& name) {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);) {
        if (line.rfind(name + ":", 0) == 0) return std::stoull(line.substr(name.size() + 1)) * 1024;
    }
    throw std::runtime_error{"/proc/self/status has no " + name};
}

}  // namespace

std::uint64_t resident_bytes() {
    return status_bytes("VmRSS");
}
std::uint64_t peak_resident_bytes() {
    return status_bytes("VmHWM");
}

void reset_peak() {
    // proc(5): writing 5 resets the peak resident set size.
    std::ofstream{"/proc/self/clear_refs"} << "5";
}

}  // namespace reverse_proxy::test_support
