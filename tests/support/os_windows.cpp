#include "tests/support/os.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <io.h>
#include <limits>
#include <mutex>
#include <random>
#include <stdexcept>
#include <vector>

namespace reverse_proxy::test_support::os {
namespace {

SOCKET handle(int descriptor) {
    return static_cast<SOCKET>(descriptor);
}

/// Windows wants to be told before the first socket.
void start_sockets() {
    static std::once_flag once;
    std::call_once(once, [] {
        WSADATA data{};
        if (::WSAStartup(MAKEWORD(2, 2), &data) != 0) throw std::runtime_error{"WSAStartup"};
    });
}

int without_blocking(SOCKET socket) {
    if (socket == INVALID_SOCKET) return -1;
    u_long on = 1;
    ::ioctlsocket(socket, static_cast<long>(FIONBIO), &on);
    return static_cast<int>(socket);
}

std::optional<std::size_t> moved(int result) {
    if (result < 0) return std::nullopt;
    return static_cast<std::size_t>(result);
}

int int_size(std::size_t size) {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

/// WSAPoll tells of the end of a connection without being asked.
short events_of(Event event) {
    switch (event) {
    case Event::readable:
        return POLLRDNORM;
    case Event::writable:
        return POLLWRNORM;
    case Event::peer_finished:
        return 0;
    }
    return 0;
}

int errno_of(int error) {
    switch (error) {
    case WSAEWOULDBLOCK:
        return EAGAIN;
    case WSAEINPROGRESS:
        return EINPROGRESS;
    case WSAEINTR:
        return EINTR;
    case WSAECONNRESET:
        return ECONNRESET;
    case WSAECONNABORTED:
        return ECONNRESET;  // Windows tells both of a reset
    case WSAESHUTDOWN:
        return EPIPE;
    case WSAENOTCONN:
        return ENOTCONN;
    case WSAECONNREFUSED:
        return ECONNREFUSED;
    case WSAEADDRINUSE:
        return EADDRINUSE;
    case WSAEADDRNOTAVAIL:
        return EADDRNOTAVAIL;
    case WSAETIMEDOUT:
        return ETIMEDOUT;
    default:
        return EINVAL;
    }
}

}  // namespace

bool is_windows() {
    return true;
}

bool tells_later() {
    return true;
}

int last_error() {
    return errno_of(::WSAGetLastError());
}

int new_socket(int family) {
    start_sockets();
    return without_blocking(::socket(family, SOCK_STREAM, 0));
}

std::array<int, 2> new_pair() {
    start_sockets();
    SOCKET const listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    int size = sizeof address;
    SOCKET const near_end = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::bind(listener, plain, size) != 0 || ::listen(listener, 1) != 0 ||
        ::getsockname(listener, plain, &size) != 0 || ::connect(near_end, plain, size) != 0)
        throw std::runtime_error{"no pair of sockets"};
    SOCKET const far_end = ::accept(listener, nullptr, nullptr);
    ::closesocket(listener);
    std::array<int, 2> const ends{without_blocking(near_end), without_blocking(far_end)};
    for (int const end : ends)
        set_option(end, IPPROTO_TCP, TCP_NODELAY, 1);
    return ends;
}

int accept(int listener) {
    return without_blocking(::accept(handle(listener), nullptr, nullptr));
}

bool set_option(int descriptor, int level, int name, int value) {
    return ::setsockopt(handle(descriptor), level, name, reinterpret_cast<char const*>(&value),
                        sizeof value) == 0;
}

std::optional<std::size_t> send(int descriptor, std::string_view bytes) {
    return moved(::send(handle(descriptor), bytes.data(), int_size(bytes.size()), 0));
}

std::optional<std::size_t> receive(int descriptor, std::span<char> space) {
    return moved(::recv(handle(descriptor), space.data(), int_size(space.size()), 0));
}

void own_port(int descriptor) {
    // A port is free at once here, and SO_REUSEADDR would share that of a living process.
    set_option(descriptor, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
}

int connect_unix(int /*descriptor*/, std::string const& /*path*/) {
    throw std::runtime_error{"no unix sockets here"};
}

int connect_error(int descriptor) {
    int error = 0;
    int size = sizeof error;
    ::getsockopt(handle(descriptor), SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &size);
    return error == 0 ? 0 : errno_of(error);
}

void finish(int descriptor) {
    ::shutdown(handle(descriptor), SD_SEND);
}

void interrupt(int descriptor) {
    ::shutdown(handle(descriptor), SD_BOTH);
}

void close(int descriptor) {
    ::closesocket(handle(descriptor));
}

void close_by_reset(int descriptor) {
    linger const at_once{1, 0};
    ::setsockopt(handle(descriptor), SOL_SOCKET, SO_LINGER, reinterpret_cast<char const*>(&at_once),
                 sizeof at_once);
    close(descriptor);
}

bool wait(std::span<Awaited> awaited, std::chrono::milliseconds bound) {
    std::vector<WSAPOLLFD> entries;
    for (auto const& each : awaited)
        entries.push_back({handle(each.descriptor), events_of(each.event), 0});
    int const ready = ::WSAPoll(entries.data(), static_cast<ULONG>(entries.size()),
                                static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(
                                    bound.count(), 0, std::numeric_limits<int>::max())));
    if (ready < 0) throw std::runtime_error{"WSAPoll"};
    for (std::size_t i = 0; i < entries.size(); ++i)
        awaited[i].came = entries[i].revents != 0;
    return ready > 0;
}

bool is_mapped(void const* address) {
    MEMORY_BASIC_INFORMATION about{};
    return ::VirtualQuery(address, &about, sizeof about) == sizeof about &&
           about.State == MEM_COMMIT;
}

std::filesystem::path new_folder() {
    std::random_device random;
    auto const folder =
        std::filesystem::temp_directory_path() / ("rp-test-" + std::to_string(random()));
    std::filesystem::create_directory(folder);
    return folder;
}

std::array<int, 2> new_pipe() {
    std::array<int, 2> ends{};
    constexpr unsigned kBytes = 64 * 1024;  // as on Linux
    if (::_pipe(ends.data(), kBytes, _O_BINARY) != 0) throw std::runtime_error{"_pipe"};
    return ends;
}

int give_to_command(char const* /*command*/, std::string const& /*text*/) {
    return -1;
}

Wake::Wake() {
    auto const ends = new_pair();
    reading_ = ends[0];
    writing_ = ends[1];
}

Wake::~Wake() {
    close(reading_);
    close(writing_);
}

void Wake::set() {
    if (!send(writing_, "x")) std::terminate();
}

void Wake::clear() {
    std::array<char, 64> scratch{};
    while (receive(reading_, scratch).value_or(0) == scratch.size()) {
    }
}

}  // namespace reverse_proxy::test_support::os
