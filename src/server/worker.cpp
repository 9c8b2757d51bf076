#include "reverse_proxy/server/worker.hpp"

#include "reverse_proxy/platform/process.hpp"
#include "reverse_proxy/telemetry/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <string>

namespace reverse_proxy::server {

namespace asio = boost::asio;

namespace {

upstream::Client::Config client_config(Worker::Parts const& parts) {
    return {parts.settings.upstream, parts.settings.retry, parts.settings.health.fail_open,
            parts.index};
}

upstream::SharedUpstream shared_upstream(pipeline::SharedState& shared) {
    return {shared.rotation, shared.budget, shared.no_address, shared.cutting, shared.transitions};
}

}  // namespace

Worker::Worker(Parts parts)
    : parts_{std::move(parts)}, work_{context_.get_executor()}, io_{context_},
      metrics_{parts_.label_sets}, client_{io_, client_config(parts_),
                                           shared_upstream(parts_.shared), metrics_},
      pipeline_{io_,     parts_.settings,      parts_.shared,     metrics_,
                client_, parts_.report_source, parts_.spans.get()},
      clients_{.io = io_,
               .settings = parts_.settings.client,
               .upstream = parts_.settings.upstream,
               .pipeline = pipeline_,
               .metrics = metrics_,
               .on_closed = [this] {
                   for (auto const& acceptor : acceptors_)
                       acceptor->resume();
                   for (auto const& acceptor : admin_acceptors_)
                       acceptor->resume();
               }} {}

Worker::~Worker() {
    join();
}

void Worker::listen(int descriptor, bool admin_only, std::vector<Worker*> serving) {
    using Permit = admission::CountingLimit::Permit;
    ingress::Acceptor::Accepted accepted;
    if (serving.size() == 1) {
        accepted = [this, admin_only](int connection, modifiers::Peer peer, Permit permit) {
            serve(connection, std::move(peer), admin_only, std::move(permit));
        };
    } else {
        accepted = [this, admin_only, serving = std::move(serving), turn = std::size_t{0}](
                       int connection, modifiers::Peer peer, Permit permit) mutable {
            // While draining, all to this one: another may have told already that it has none left.
            Worker& next = *serving[draining_ ? 0 : turn++ % serving.size()];
            if (&next == this) {
                serve(connection, std::move(peer), admin_only, std::move(permit));
                return;
            }
            asio::post(next.context_, [&next, connection, admin_only, peer = std::move(peer),
                                       permit = std::move(permit)]() mutable {
                next.io_.reactor.read_clock();
                next.serve(connection, std::move(peer), admin_only, std::move(permit));
            });
        };
    }
    auto& list = admin_only ? admin_acceptors_ : acceptors_;
    auto& limit = admin_only ? parts_.shared.admin_connections : parts_.shared.connections;
    list.push_back(
        std::make_unique<ingress::Acceptor>(clients_, descriptor, limit, std::move(accepted)));
}

void Worker::serve(int descriptor, modifiers::Peer peer, bool admin_only,
                   admission::CountingLimit::Permit permit) {
    ingress::Connection::serve(clients_, descriptor, std::move(peer), admin_only,
                               std::move(permit));
}

void Worker::start() {
    // Behind the endpoints in the queue: the first request must find them. What is posted from now
    // on finds the listeners served.
    post([this] {
        for (auto const& acceptor : acceptors_)
            acceptor->start();
        for (auto const& acceptor : admin_acceptors_)
            acceptor->start();
    });
    thread_ = std::thread{[this] {
        platform::block_broken_pipe_signal();
        platform::name_thread("worker-" + std::to_string(parts_.index));
        io_.reactor.start([this](core::TimePoint now) { tick(now); });
        context_.run();
        core::FramePool::clear();
    }};
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

void Worker::post(std::function<void()> work) {
    asio::post(context_, [this, work = std::move(work)] {
        io_.reactor.read_clock();
        work();
    });
}

void Worker::set_endpoints(balancing::EndpointList endpoints) {
    post([this, list = std::move(endpoints)] { client_.set_endpoints(list); });
}

void Worker::tick(core::TimePoint /*now*/) {
    pipeline_.tick();
    for (auto const& acceptor : acceptors_)
        acceptor->resume();
    for (auto const& acceptor : admin_acceptors_)
        acceptor->resume();
    // Each once a second.
    core::FramePool::trim(++ticks_);
    if (ticks_ % core::FramePool::kTurns == 0) {
        io_.buffers.trim();
        io_.pipes.trim();
        if (std::size_t const lost = io_.reactor.take_unwatched(); lost != 0) {
            telemetry::log(telemetry::LogLevel::warn,
                           "connections lost, the kernel watches no more sockets",
                           {{"connections", std::to_string(lost)}});
        }
    }
    if (!draining_) return;
    // Two ticks after new connections were turned away, no handshake is under way any more.
    if (++drain_ticks_ < 2) return;
    for (auto const& acceptor : acceptors_)
        acceptor->close_when_empty();
    clients_.close_idle();
    check_drained();
}

void Worker::drain() {
    post([this] {
        draining_ = true;
        for (auto const& acceptor : acceptors_)
            acceptor->refuse_new();
        clients_.close_idle();
    });
}

void Worker::check_drained() {
    bool const listens = std::any_of(acceptors_.begin(), acceptors_.end(),
                                     [](auto const& acceptor) { return acceptor->is_open(); });
    if (drained_ || listens || clients_.count > 0) return;
    drained_ = true;
    parts_.on_drained();
}

void Worker::cut(std::function<void(std::size_t)> report) {
    post([this, report = std::move(report)] {
        // Who comes now would be served for no more than a moment.
        for (auto const& acceptor : acceptors_)
            acceptor->close();
        cut_ = true;
        report(clients_.cut());
    });
}

void Worker::stop() {
    post([this] {
        for (auto const& acceptor : acceptors_)
            acceptor->close();
        for (auto const& acceptor : admin_acceptors_)
            acceptor->close();
        end_connections(0);
    });
}

/// Those that wait end at once; one that has yielded or awaits the control thread does so a round
/// later.
void Worker::end_connections(unsigned rounds) {
    constexpr unsigned kMostRounds = 1000;
    std::size_t const in_work = clients_.cut();
    // What a grace that has ended cut before has been told.
    if (rounds == 0) cut_at_end_ = cut_ ? 0 : in_work;
    if (clients_.first != nullptr && rounds < kMostRounds) {
        post([this, rounds] { end_connections(rounds + 1); });
        return;
    }
    client_.close_idle();
    io_.reactor.stop();
    work_.reset();
    context_.stop();
    parts_.on_stopped(cut_at_end_);
}

}  // namespace reverse_proxy::server
