#include "tests/support/os.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace reverse_proxy::test_support::os {
namespace {

std::optional<std::size_t> moved(ssize_t result) {
    if (result < 0) return std::nullopt;
    return static_cast<std::size_t>(result);
}

short events_of(Event event) {
    switch (event) {
    case Event::readable:
        return POLLIN;
    case Event::writable:
        return POLLOUT;
    case Event::peer_finished:
        return POLLRDHUP;
    }
    return 0;
}

}  // namespace

bool is_windows() {
    return false;
}

bool tells_later() {
    return false;
}

int last_error() {
    return errno;
}

int new_socket(int family) {
    return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

std::array<int, 2> new_pair() {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw std::runtime_error{"socketpair"};
    return ends;
}

int accept(int listener) {
    return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

bool set_option(int descriptor, int level, int name, int value) {
    return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

std::optional<std::size_t> send(int descriptor, std::string_view bytes) {
    return moved(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::optional<std::size_t> receive(int descriptor, std::span<char> space) {
    return moved(::recv(descriptor, space.data(), space.size(), MSG_DONTWAIT));
}

void own_port(int descriptor) {
    set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
}

int connect_unix(int descriptor, std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error{"path too long"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return ::connect(descriptor, reinterpret_cast<sockaddr const*>(&address), sizeof address);
}

int connect_error(int descriptor) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

void finish(int descriptor) {
    ::shutdown(descriptor, SHUT_WR);
}

void interrupt(int descriptor) {
    ::shutdown(descriptor, SHUT_RDWR);
}

void close(int descriptor) {
    ::close(descriptor);
}

void close_by_reset(int descriptor) {
    linger const at_once{1, 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(descriptor);
}

bool wait(std::span<Awaited> awaited, std::chrono::milliseconds bound) {
    std::vector<pollfd> entries;
    for (auto const& each : awaited)
        entries.push_back({each.descriptor, events_of(each.event), 0});
    auto const end = std::chrono::steady_clock::now() + bound;
    for (;;) {
        auto const left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        int const ready = ::poll(entries.data(), entries.size(),
                                 static_cast<int>(std::clamp<std::int64_t>(
                                     left.count(), 0, std::numeric_limits<int>::max())));
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) throw std::runtime_error{"poll"};
        for (std::size_t i = 0; i < entries.size(); ++i)
            awaited[i].came = entries[i].revents != 0;
        return ready > 0;
    }
}

bool is_mapped(void const* address) {
    auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    auto const number = reinterpret_cast<std::uintptr_t>(address);
    unsigned char resident = 0;
    return ::mincore(reinterpret_cast<void*>(number - number % page), 1, &resident) == 0;
}

std::filesystem::path new_folder() {
    auto name = (std::filesystem::temp_directory_path() / "rp-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
    return name;
}

std::array<int, 2> new_pipe() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error{"pipe"};
    return ends;
}

int give_to_command(char const* command, std::string const& text) {
    FILE* const input = ::popen(command, "w");
    if (input == nullptr) return -1;
    std::size_t const written = std::fwrite(text.data(), 1, text.size(), input);
    int const exit_code = ::pclose(input);
    return written == text.size() ? exit_code : -1;
}

Wake::Wake() : reading_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, writing_{reading_} {}

Wake::~Wake() {
    ::close(reading_);
}

void Wake::set() {
    std::uint64_t const one = 1;
    // An eventfd's write of eight bytes fails only where its counter would overflow.
    if (::write(writing_, &one, sizeof one) != sizeof one) std::terminate();
}

void Wake::clear() {
    std::uint64_t count = 0;
    // Nothing to read is as good.
    if (::read(reading_, &count, sizeof count) < 0 && errno != EAGAIN) std::terminate();
}

}  // namespace reverse_proxy::test_support::os
