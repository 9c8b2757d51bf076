#include "telemetry/line_ring.hpp"

namespace reverse_proxy::telemetry {

void LineRing::push(std::string_view line) {
    if (size_ - used() < line.size() + 1) {
        dropped_.add(1);
        return;
    }
    std::size_t written = written_.load(std::memory_order_relaxed);
    std::size_t const at = written & (size_ - 1);
    std::size_t const first = std::min(line.size(), size_ - at);
    std::copy_n(line.data(), first, data_.get() + at);
    std::copy_n(line.data() + first, line.size() - first, data_.get());
    written += line.size();
    data_[written & (size_ - 1)] = '\n';
    written_.store(written + 1, std::memory_order_release);
}

}  // namespace reverse_proxy::telemetry
