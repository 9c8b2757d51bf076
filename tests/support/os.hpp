#pragma once

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// What the tests need of the operating system: os_linux.cpp and os_windows.cpp. A socket is an
/// `int` and does not block; errors are errno numbers.
namespace reverse_proxy::test_support::os {

/// Unix sockets, splice(2), MSG_MORE and /proc are not to be had; their tests are skipped.
[[nodiscard]] bool is_windows();
/// Whether a receiver may be told only some time after a send that bytes have come.
[[nodiscard]] bool tells_later();

/// Error of the socket call that has just failed on this thread.
[[nodiscard]] int last_error();

/// TCP of this family, AF_UNIX as well on Linux; -1 where it fails.
int new_socket(int family);
/// Two connected sockets. Throws std::runtime_error.
std::array<int, 2> new_pair();
int accept(int listener);
/// Whether it was set.
bool set_option(int descriptor, int level, int name, int value);

/// What the system takes or has at once; nothing and last_error() where it fails.
std::optional<std::size_t> send(int descriptor, std::string_view bytes);
std::optional<std::size_t> receive(int descriptor, std::span<char> space);
/// Before bind: the port of a process that has just ended is free again, that of a living one is
/// not.
void own_port(int descriptor);
/// As connect(2), to a unix socket at this path.
int connect_unix(int descriptor, std::string const& path);
/// Error of a connect that has come to its end.
[[nodiscard]] int connect_error(int descriptor);

/// No more is sent; the peer sees the end of the stream.
void finish(int descriptor);
/// Any thread: whoever waits for this socket sees the end of the stream.
void interrupt(int descriptor);
void close(int descriptor);
/// The peer sees a reset instead of the end of the stream.
void close_by_reset(int descriptor);

enum class Event { readable, writable, peer_finished };

struct Awaited {
    int descriptor;
    Event event;
    bool came{false};  // it, or the end of the connection
};
/// Sets `came`. @return whether any came before `bound` had passed
bool wait(std::span<Awaited> awaited, std::chrono::milliseconds bound);

/// Whether the process has memory at this address.
[[nodiscard]] bool is_mapped(void const* address);

/// A new folder of its own, empty.
std::filesystem::path new_folder();
/// A pipe between two descriptors of files, reading end first. Throws std::runtime_error.
std::array<int, 2> new_pipe();
/// Gives the text to a shell command. @return its exit code, or -1 where it cannot be run
int give_to_command(char const* command, std::string const& text);

/// Ends a wait() in another thread.
class Wake {
public:
    Wake();
    ~Wake();
    Wake(Wake const&) = delete;
    Wake& operator=(Wake const&) = delete;

    void set();
    /// Back to where it was before set().
    void clear();
    /// To be awaited as readable.
    [[nodiscard]] int descriptor() const { return reading_; }

private:
    int reading_;
    int writing_;
};

}  // namespace reverse_proxy::test_support::os
