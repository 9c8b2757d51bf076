#pragma once

#include <cstdint>
#include <string>

namespace reverse_proxy::platform {

/// The few calls that differ between operating systems; linux.cpp has Linux'.

/// Processors this process may keep busy: affinity mask and cgroup quota counted, at least 1.
unsigned processors_allowed();

/// Raises the soft limit of open descriptors as far as `wanted` or the hard limit allows.
/// @return the limit now in force
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

/// Sets the options of a listening TCP socket that accepted ones inherit or that speed accepting
/// up: no delay, deferred accept. Failures do not matter.
void tune_listener(int descriptor);

/// For a TCP socket, or a listener whose connections inherit it, that stays within this host: Reno
/// as its congestion control. Between two processes of one host nothing is congested, and a system
/// default of BBR paces large sends with timers, which was a third of their cost
/// (docs/adr/0007). Failures do not matter.
void stay_within_host(int descriptor);

/// Lets several sockets of this process listen on one address, the kernel spreading connections
/// (SO_REUSEPORT).
bool share_port(int descriptor);

/// From now on no new connection reaches this listening socket, while handshakes under way are
/// completed and can still be accepted. So a listener can be closed without resetting anyone.
void refuse_new_connections(int descriptor);

/// Accepts one connection, non-blocking; -1 and errno where there is none. `address` (a
/// sockaddr_storage) takes the peer's address.
int accept_connection(int descriptor, void* address, unsigned& address_size);

/// Writing to a closed connection is an error code on the calling thread, not a signal: splice(2)
/// has no MSG_NOSIGNAL.
void block_broken_pipe_signal();

/// Names the calling thread, for `top -H` and debuggers (15 characters at most).
void name_thread(std::string const& name);

}  // namespace reverse_proxy::platform
