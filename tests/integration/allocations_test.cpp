// Counts what the workers take from the heap and from the system: a request in steady state takes
// nothing.

#include "tests/support/fault_origin.hpp"
#include "tests/support/proxy_fixture.hpp"
#include "tests/support/raw_client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <pthread.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REVERSE_PROXY_COUNTS_ALLOCATIONS 0
#else
#define REVERSE_PROXY_COUNTS_ALLOCATIONS 1
#endif

#if REVERSE_PROXY_COUNTS_ALLOCATIONS

namespace {

std::atomic<std::uint64_t> worker_allocations{0};
std::atomic<std::uint64_t> worker_slabs{0};

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

extern "C" void* mmap(void* address, std::size_t bytes, int protection, int flags, int descriptor,
                      off_t offset) noexcept {
    if (on_worker_thread()) worker_slabs.fetch_add(1, std::memory_order_relaxed);
    return reinterpret_cast<void*>(
        ::syscall(SYS_mmap, address, bytes, protection, flags, descriptor, offset));
}

using namespace reverse_proxy::test_support;

TEST(Allocations, ARequestInSteadyStateTakesNothing) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    std::string const request =
        make_request("GET", "/steady", {{"User-Agent", "test"}, {"Accept", "*/*"}});
    constexpr int kRequests = 3000;
    // None at all, unless something else happens on the worker meanwhile. A frame of the smallest
    // kind lost by each request would be 11 slabs.
    constexpr std::uint64_t kMostBlocks = 10;
    constexpr std::uint64_t kMostSlabs = 4;
    for (int i = 0; i < 200; ++i)
        client.exchange(request);
    std::uint64_t const blocks_before = worker_allocations.load();
    std::uint64_t const slabs_before = worker_slabs.load();
    EXPECT_GT(blocks_before, 0U);
    EXPECT_GT(slabs_before, 0U);
    for (int i = 0; i < kRequests; ++i)
        ASSERT_EQ(client.exchange(request).status, 200U);
    std::uint64_t const blocks = worker_allocations.load() - blocks_before;
    std::uint64_t const slabs = worker_slabs.load() - slabs_before;
    std::printf("%llu blocks and %llu slabs for %d requests\n",
                static_cast<unsigned long long>(blocks), static_cast<unsigned long long>(slabs),
                kRequests);
    EXPECT_LE(blocks, kMostBlocks);
    EXPECT_LE(slabs, kMostSlabs);
}

#endif
