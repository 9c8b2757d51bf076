#pragma once

// What the process tells its supervisor; the numbers above 1 are those of sysexits.h.
namespace reverse_proxy::config::exit_code {

inline constexpr int kClean = 0;              // stopped by request, also where requests were cut
inline constexpr int kFailure = 1;            // a second signal, or anything not named below
inline constexpr int kBadCommandLine = 64;    // EX_USAGE
inline constexpr int kCannotListen = 69;      // EX_UNAVAILABLE: address in use or not ours
inline constexpr int kBadConfiguration = 78;  // EX_CONFIG

}  // namespace reverse_proxy::config::exit_code
