#pragma once

#include "reverse_proxy/core/reactor.hpp"
#include "reverse_proxy/platform/splice.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace reverse_proxy::core {

class PipePool;

/// A pipe on loan from a worker's pool, through which the kernel moves bytes from one socket to
/// another without copying them (splice(2)). One that still holds bytes when it dies is closed,
/// else it goes back.
class Pipe {
public:
    Pipe() = default;
    Pipe(Pipe&& other) noexcept
        : pool_{std::exchange(other.pool_, nullptr)}, ends_{other.ends_}, held_{std::exchange(
                                                                              other.held_, 0)} {}
    Pipe& operator=(Pipe&& other) noexcept;
    Pipe(Pipe const&) = delete;
    Pipe& operator=(Pipe const&) = delete;
    ~Pipe() { reset(); }

    explicit operator bool() const { return pool_ != nullptr; }
    /// Bytes on their way.
    [[nodiscard]] std::size_t held() const { return held_; }
    void reset();

    /// Moves at most `most` bytes from the socket into the empty pipe. Fails with EINVAL where the
    /// kernel cannot.
    IoResult fill(Socket& from, std::size_t most);
    /// Moves what the pipe holds on to the socket, as much of it as the kernel takes.
    IoResult drain(Socket& to);

private:
    friend class PipePool;
    Pipe(PipePool& pool, platform::PipeEnds ends) : pool_{&pool}, ends_{ends} {}

    PipePool* pool_{nullptr};
    platform::PipeEnds ends_{-1, -1};
    std::size_t held_{0};
};

/// The pipes of one worker. Must outlive those on loan.
class PipePool {
public:
    /// Capacity of a pipe, and with that the bytes that one transfer keeps in the kernel while its
    /// reader is slow (docs/adr/0007).
    static constexpr std::size_t kPipeBytes = 1024 * 1024;
    /// Pipes on loan at once; they take two descriptors each. What comes beyond is copied.
    static constexpr std::size_t kMostPipes = 64;

    PipePool() = default;
    PipePool(PipePool const&) = delete;
    PipePool& operator=(PipePool const&) = delete;
    ~PipePool();

    /// Empty where there are kMostPipes already, or the system gives none.
    Pipe take();
    /// Closes half of those that lie unused.
    void trim() noexcept;

private:
    friend class Pipe;
    std::vector<platform::PipeEnds> free_;
    std::size_t open_{0};
};

}  // namespace reverse_proxy::core
