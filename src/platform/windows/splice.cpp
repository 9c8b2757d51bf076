#include "reverse_proxy/platform/splice.hpp"

#include <cerrno>

namespace reverse_proxy::platform {

bool make_pipe(PipeEnds& /*ends*/, std::size_t /*capacity*/) {
    return false;
}

void close_pipe(PipeEnds const& /*ends*/) noexcept {}

Transfer splice(int /*from*/, int /*to*/, std::size_t /*bytes*/) {
    return {0, EINVAL};
}

}  // namespace reverse_proxy::platform
