// Counts what the workers take from the heap: a request in steady state takes nothing.

#include "tests/support/fault_origin.hpp"
#include "tests/support/proxy_fixture.hpp"
#include "tests/support/raw_client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <pthread.h>
#include <string_view>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REVERSE_PROXY_COUNTS_ALLOCATIONS 0
#else
#define REVERSE_PROXY_COUNTS_ALLOCATIONS 1
#endif

#if REVERSE_PROXY_COUNTS_ALLOCATIONS

namespace {

std::atomic<std::uint64_t> worker_allocations{0};

bool on_worker_thread() {
    char name[16] = {};
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    return std::string_view{name}.starts_with("worker-");
}

}  // namespace

void* operator new(std::size_t bytes) {
    if (on_worker_thread()) worker_allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
    throw std::bad_alloc{};
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
    std::free(memory);
}

using namespace reverse_proxy::test_support;

TEST(Allocations, ARequestInSteadyStateTakesNothingFromTheHeap) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    std::string const request =
        make_request("GET", "/steady", {{"User-Agent", "test"}, {"Accept", "*/*"}});
    constexpr int kRequests = 1000;
    for (int i = 0; i < 200; ++i)
        client.exchange(request);
    std::uint64_t const before = worker_allocations.load();
    for (int i = 0; i < kRequests; ++i)
        ASSERT_EQ(client.exchange(request).status, 200U);
    std::uint64_t const taken = worker_allocations.load() - before;
    // Every two seconds a worker gives half of its spare memory back and takes some anew: a
    // handful, and more of them the slower the machine. One allocation a request would be a
    // thousand.
    EXPECT_LT(taken, kRequests / 2) << "for " << kRequests << " requests";
    RecordProperty("allocations", static_cast<int>(taken));
    std::printf("%llu allocations of workers for %d requests\n",
                static_cast<unsigned long long>(taken), kRequests);
}

#endif
