#pragma once

#include <cstdint>
#include <ctime>
#include <string>

/// What the process asks of its operating system. Each function has its twin for Linux and for
/// Windows under src/platform; nothing outside that folder knows which one runs.
namespace reverse_proxy::platform {

/// Processors this process may keep busy: affinity mask and cgroup quota counted, at least 1.
unsigned processors_allowed();

/// Raises the soft limit of open descriptors as far as `wanted` or the hard limit allows.
/// @return the limit now in force; `wanted` where the system has none
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

/// A closed log pipe or connection is an error code for whoever writes to it, not the end of the
/// process; nor is what tells other daemons to reload or to open their files anew (SIGHUP, SIGUSR1,
/// SIGUSR2). In a terminal SIGHUP is the terminal's end and remains the process's. Once, at start.
void ignore_stray_signals();

/// The same for the calling thread alone and whatever the process has set: splice(2) has no
/// MSG_NOSIGNAL.
void block_broken_pipe_signal();

/// Names the calling thread, for `top -H` and debuggers (15 characters at most).
void name_thread(std::string const& name);

/// The environment as environ(7) has it: `NAME=value`, the last entry null.
char const* const* environment();

/// The time in UTC, taken apart. Thread-safe.
std::tm utc(std::time_t time);

}  // namespace reverse_proxy::platform
