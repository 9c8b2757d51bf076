#pragma once

#include "reverse_proxy/core/buffer_pool.hpp"
#include "reverse_proxy/core/gather.hpp"
#include "reverse_proxy/core/pipe.hpp"
#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/core/reactor.hpp"
#include "reverse_proxy/core/read_buffer.hpp"

namespace reverse_proxy::core {

/// What every connection of one worker needs for its input and output. Owned by the worker, used on
/// its thread only.
struct WorkerIo {
    explicit WorkerIo(boost::asio::io_context& io) : reactor{io} {}

    Reactor reactor;
    BufferPool buffers;
    PipePool pipes;
    Scratch scratch;
    Gather gather;
    Random random;
};

}  // namespace reverse_proxy::core
