#include "reverse_proxy/platform/platform.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <fstream>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>

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

void tune_listener(int descriptor) {
    int const on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // One second: a connection is accepted with its first bytes, or without them after that time.
    int const seconds = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

void stay_within_host(int descriptor) {
    constexpr std::string_view kReno = "reno";  // always there, and allowed to everybody
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, kReno.data(), kReno.size());
}

bool share_port(int descriptor) {
    int const on = 1;
    return ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
}

void refuse_new_connections(int descriptor) {
    // A classic BPF filter over the TCP header: drops segments with SYN and without ACK, lets all
    // others through.
    constexpr std::uint8_t kFlagsOffset = 13;
    constexpr std::uint32_t kSynAck = 0x12;
    constexpr std::uint32_t kSyn = 0x02;
    std::array<sock_filter, 5> program{{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
                                        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAck),
                                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
                                        BPF_STMT(BPF_RET | BPF_K, 0),
                                        BPF_STMT(BPF_RET | BPF_K, 0xffffffff)}};
    sock_fprog const filter{static_cast<unsigned short>(program.size()), program.data()};
    ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
    int const none = 0;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, &none, sizeof none);
}

int accept_connection(int descriptor, void* address, unsigned& address_size) {
    socklen_t size = address_size;
    int const accepted =
        ::accept4(descriptor, static_cast<sockaddr*>(address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    address_size = size;
    return accepted;
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

}  // namespace reverse_proxy::platform
