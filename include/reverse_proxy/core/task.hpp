#pragma once

#include "reverse_proxy/core/frame_pool.hpp"

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace reverse_proxy::core {

template <typename T = void> class Task;

namespace detail {

/// Resumes whoever awaits the task, if it had to wait at all.
struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
        std::coroutine_handle<> const continuation = self.promise().continuation;
        return continuation ? continuation : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
};

struct PromiseBase {
    std::coroutine_handle<> continuation;

    static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept {
        FramePool::release(frame, bytes);
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    FinalAwaiter final_suspend() const noexcept { return {}; }
    /// Nothing on a request's path throws (style: exceptions never steer a request), so that
    /// nothing has to be kept for whoever awaits.
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <typename T> struct Promise : PromiseBase {
    std::optional<T> value;
    Task<T> get_return_object();
    template <typename U> void return_value(U&& result) { value.emplace(std::forward<U>(result)); }
    T take() { return std::move(*value); }
};

template <> struct Promise<void> : PromiseBase {
    Task<void> get_return_object();
    void return_void() const noexcept {}
    void take() const noexcept {}
};

}  // namespace detail

/// A lazily started coroutine of one worker: runs when awaited, its frame recycled (FramePool).
///
/// A task that ends without waiting costs its awaiter no suspension: `await_suspend` runs it on the
/// spot and goes on when it is done. So the stack stays bounded in loops at every optimisation
/// level; GCC tail-calls symmetric transfers only when it optimises. Must be awaited where it was
/// made, exactly once. An exception that leaves it ends the process. Not thread-safe.
template <typename T> class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;

    explicit Task(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
    Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
    Task(Task const&) = delete;
    Task& operator=(Task const&) = delete;
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiting) {
        handle_.resume();
        if (handle_.done()) return false;
        handle_.promise().continuation = awaiting;
        return true;
    }
    T await_resume() { return handle_.promise().take(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

template <typename T> Task<T> detail::Promise<T>::get_return_object() {
    return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}

inline Task<void> detail::Promise<void>::get_return_object() {
    return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}

/// The root of a chain of tasks: starts at once and frees itself at its end. An exception that
/// leaves it ends the process.
struct Detached {
    struct promise_type {
        static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
        static void operator delete(void* frame, std::size_t bytes) noexcept {
            FramePool::release(frame, bytes);
        }
        Detached get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    };
};

}  // namespace reverse_proxy::core
