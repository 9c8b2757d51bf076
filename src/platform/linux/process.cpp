#include "reverse_proxy/platform/process.hpp"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace reverse_proxy::platform {
namespace {

/// Processors by the quota of the cgroup (version 2, as it appears inside a container), 0 where
/// there is none.
unsigned cgroup_processors() {
    std::ifstream file{"/sys/fs/cgroup/cpu.max"};
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
    try {
        return static_cast<unsigned>(std::max(1.0, std::ceil(std::stod(quota) / period)));
    } catch (std::exception const&) {
        return 0;
    }
}

}  // namespace

unsigned processors_allowed() {
    cpu_set_t set;
    CPU_ZERO(&set);
    unsigned allowed = 1;
    if (::sched_getaffinity(0, sizeof set, &set) == 0)
        allowed = static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
    unsigned const quota = cgroup_processors();
    return quota == 0 ? allowed : std::min(allowed, quota);
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur < wanted) {
        rlimit raised = limit;
        raised.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur;
}

void ignore_stray_signals() {
    for (int const signal : {SIGPIPE, SIGUSR1, SIGUSR2})
        std::signal(signal, SIG_IGN);
    bool const in_terminal = ::isatty(STDOUT_FILENO) != 0;
    if (!in_terminal) std::signal(SIGHUP, SIG_IGN);
}

void block_broken_pipe_signal() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void name_thread(std::string const& name) {
    ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

char const* const* environment() {
    return environ;
}

std::tm utc(std::time_t time) {
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    return parts;
}

}  // namespace reverse_proxy::platform
