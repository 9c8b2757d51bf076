#include "reverse_proxy/platform/process.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <pthread.h>
#include <windows.h>

namespace reverse_proxy::platform {

unsigned processors_allowed() {
    DWORD_PTR allowed = 0;
    DWORD_PTR of_system = 0;
    if (::GetProcessAffinityMask(::GetCurrentProcess(), &allowed, &of_system) == 0) return 1;
    return static_cast<unsigned>(std::max(1, std::popcount(allowed)));
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) {
    return wanted;  // memory alone limits sockets
}

void ignore_stray_signals() {}

void block_broken_pipe_signal() {}

void name_thread(std::string const& name) {
    ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

char const* const* environment() {
    return _environ;
}

std::tm utc(std::time_t time) {
    std::tm parts{};
    ::gmtime_s(&parts, &time);
    return parts;
}

}  // namespace reverse_proxy::platform
