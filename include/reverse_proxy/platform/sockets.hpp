#pragma once

#include <cstddef>
#include <span>
#include <string>
#ifdef _WIN32
#include <cstdint>
#else
#include <sys/uio.h>
#endif

/// Single calls on non-blocking sockets. A socket is an `int` everywhere: a SOCKET of Windows has
/// no more than 32 significant bits. Errors are errno numbers everywhere.
namespace reverse_proxy::platform {

#ifdef _WIN32
/// A piece of a gathered send, as in <sys/uio.h>.
struct Piece {
    void* iov_base;
    std::size_t iov_len;
};
#else
/// A piece of a gathered send.
using Piece = iovec;
#endif

/// What a call moved, or why it failed.
struct Transfer {
    std::size_t bytes{0};
    int error{0};  // 0: it did not fail
};

/// Whether a unix socket can be listened on: not on Windows.
bool has_unix_sockets();

/// The call would have to wait, or was interrupted: later.
bool would_block(int error);

/// At most `space` bytes; none and no error: the peer has finished.
Transfer receive(int descriptor, std::span<char> space);
/// Whether nothing has arrived and the peer is still there: a peek.
bool is_quiet(int descriptor);

/// As much of the bytes as the system takes. `more`: they may be held back for what follows
/// (MSG_MORE); a system that has no such thing sends them.
Transfer send(int descriptor, std::span<char const> bytes, bool more);
/// The same for several pieces, at most 64.
Transfer send(int descriptor, std::span<Piece const> pieces, bool more);
/// Whether a send that moved fewer bytes than it was given has filled the socket, so that its
/// becoming writable will be reported.
bool short_send_fills();

/// The pending error of a connect that has become writable (SO_ERROR).
int take_error(int descriptor);
/// How many bytes the system would surely take now; its own count includes what it needs beside the
/// bytes, up to as much again for small segments, so this is half of what it has left.
std::size_t send_room(int descriptor);
/// Bytes that were sent and that the peer's system has not acknowledged yet; 0 where the system
/// does not say.
std::size_t unacknowledged(int descriptor);

void close(int descriptor);
/// close() will reset the connection instead of ending it in order.
void reset_on_close(int descriptor);
void shutdown_send(int descriptor);

/// A new socket on its way to `address`, a sockaddr of `size` bytes; no delay (TCP_NODELAY).
/// `within_host`: it does not leave this host, and gets Reno as its congestion control. Between two
/// processes of one host nothing is congested, and a system default of BBR paces large sends with
/// timers, which was a third of their cost (docs/adr/0007).
/// @return the socket and 0 or EINPROGRESS in `error`, or -1 and why
int start_connect(void const* address, std::size_t size, bool within_host, int& error);

/// A new socket bound to `address`, a sockaddr of `size` bytes, with the options that accepted ones
/// inherit or that speed accepting up: no delay, deferred accept, IPv6 alone where it is such an
/// address; `within_host` as above. The port of a process that has just ended is free, that of a
/// living one is not; `shared`: but for that of a socket that shares it.
/// @return the socket, or -1 and why
int bind_listener(void const* address, std::size_t size, bool shared, bool within_host, int& error);
/// Lets other sockets of this user be bound to the address of this one, the system spreading
/// connections over all that listen (SO_REUSEPORT). Whoever does not ask to share is kept out.
/// @return whether the system can
bool share_port(int descriptor);
/// @return 0 or the error
int listen(int descriptor, int backlog);
/// The address a socket is bound to; `size` says how much space there is and how much was used.
/// @return 0 or the error
int local_address(int descriptor, void* address, unsigned& size);
/// Holds on to a file, so that it can be told from another that has its name later; -1 where the
/// system cannot. To be closed.
int hold_file(std::string const& path);
/// Whether that is still the file of this name.
bool is_held_file(int descriptor, std::string const& path);
/// Another descriptor of the same socket, or -1 and why.
int duplicate(int descriptor, int& error);

/// From now on no new connection reaches this listening socket, while handshakes under way are
/// completed and can still be accepted. So a listener can be closed without resetting anyone.
/// Nothing on a system that cannot.
void refuse_new_connections(int descriptor);

/// Accepts one connection, non-blocking. `address` (a sockaddr_storage) takes the peer's address.
/// @return its descriptor, or -1 and why
int accept_connection(int descriptor, void* address, unsigned& address_size, int& error);

}  // namespace reverse_proxy::platform
