#!/usr/bin/env python3
"""Mixed traffic through the daemon over three origins that misbehave at random.

At the end everything must be as at the start: no request in flight, no connection or descriptor
left over, no memory grown; and each answer must have been byte for byte what the origin sent, or
an honest failure. Python's standard library alone; the binary is named by REVERSE_PROXY_BINARY.
"""

import argparse
import asyncio
import collections
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from clients import KINDS, Client, summary  # noqa: E402
from origins import Origin  # noqa: E402
from support import SANITIZED, Proxy  # noqa: E402

SETTINGS = {
    "WORKERS": 2, "ACCESS_LOG": "false", "LOG_LEVEL": "error", "MAX_IN_FLIGHT": 256,
    "ATTEMPT_TIMEOUT_MS": 500, "REQUEST_TIMEOUT_MS": 3000, "STREAM_IDLE_TIMEOUT_MS": 2000,
    "UPSTREAM_IDLE_TIMEOUT_MS": 1000, "CIRCUIT_BREAKER_OPEN_MS": 300, "HEALTHCHECK": "true",
    "HEALTHCHECK_INTERVAL_SECS": 1, "HEALTHCHECK_PATH": "/health", "HEALTHCHECK_TIMEOUT_MS": 500,
}
GAUGES = ("reverse_proxy_in_flight_requests", "reverse_proxy_client_connections",
          "reverse_proxy_upstream_connections")
# What allocators keep beyond the load of the first third; a leak of 100 bytes a request, at the
# hundreds of requests a second that this load makes, is past it within minutes.
MEMORY_SLACK = 8 << 20
CLIENTS = 24


def descriptors(proxy):
    return len(os.listdir(f"/proc/{proxy.process.pid}/fd"))


async def state_of(proxy):
    """Gauges and descriptors; asked from a thread, as the origins must go on meanwhile."""
    def ask():
        state = {gauge: proxy.metric(gauge) for gauge in GAUGES}
        state["descriptors"] = descriptors(proxy)
        return state
    return await asyncio.to_thread(ask)


async def wait_for_state(proxy, expected, bound):
    """@return the last state seen: `expected`, or what it was after `bound` seconds"""
    deadline = time.monotonic() + bound
    while (state := await state_of(proxy)) != expected and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    return state


async def load(proxy, origins, options, tally, problems):
    """Runs the clients to their end. @return (requests sent, memory after a third)"""
    ended = asyncio.Event()
    clients = [Client(f"{options.seed}/client/{n}", proxy.port, tally, ended)
               for n in range(options.clients)]
    running = [asyncio.create_task(client.run()) for client in clients]
    await asyncio.wait(running, timeout=options.seconds / 3, return_when=asyncio.FIRST_EXCEPTION)
    memory = proxy.memory()
    await asyncio.wait(running, timeout=options.seconds * 2 / 3,
                       return_when=asyncio.FIRST_EXCEPTION)
    ended.set()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if outcome is not None:
            problems.append(f"a client saw {outcome!r}")
    for origin in origins:
        origin.calm.set()
    return sum(client.sent for client in clients), memory


def check_answers(tally, origins, options, problems):
    """Cuts are the origins' doing alone, and each kind of traffic got through."""
    downloads = ("small", "large", "chunked", "until_close", "head", "slow_reader", "upgrade",
                 "pipeline")
    cut = sum(tally[kind, "cut"] for kind in downloads)
    allowed = sum(origin.cuts for origin in origins)
    if cut > allowed:
        problems.append(f"{cut} answers were cut short, the origins cut only {allowed}")
    if options.seconds >= 20:
        for kind in KINDS:
            if not tally[kind, "ok"] and not tally[kind, "aborted"]:
                problems.append(f"no {kind} got through")


def check_counts(proxy, sent, tally, problems):
    """Started = finished: each request that was sent ended in one line of the metrics."""
    counted = sum(float(line.rsplit(" ", 1)[1])
                  for line in proxy.get("/metrics")[1].decode().splitlines()
                  if line.startswith("requests_total{") and
                  any(f'path="/{path}"' in line for path in ("bytes", "digest", "echo")))
    # One whose client left, or was closed on with more of them pipelined, may not have been read.
    unread = sum(count * (3 if kind == "pipeline" else 1) for (kind, outcome), count
                 in tally.items() if outcome in ("aborted", "cut", "closed"))
    if not sent - unread <= counted <= sent:
        problems.append(f"{sent} requests sent ({unread} perhaps not read), {counted:.0f} counted")


async def soak(options):
    calm = asyncio.Event()
    origins = [Origin(f"{options.seed}/origin/{n}", calm) for n in range(3)]
    for origin in origins:
        await origin.start()
    problems, tally = [], collections.Counter()
    upstreams = ",".join(f"http://127.0.0.1:{origin.port}" for origin in origins)
    with Proxy(UPSTREAMS=upstreams, **SETTINGS) as proxy:
        before = await state_of(proxy)
        sent, memory = await load(proxy, origins, options, tally, problems)
        # Idle connections are kept for a second; a stalled stream for two.
        after = await wait_for_state(proxy, before, 15)
        if after != before:
            problems.append(f"not as at the start: {before} became {after}")
        grown = proxy.memory() - memory
        if grown > MEMORY_SLACK and not SANITIZED:
            problems.append(f"memory grew by {grown} bytes from {memory}")
        check_answers(tally, origins, options, problems)
        await asyncio.to_thread(check_counts, proxy, sent, tally, problems)
        if proxy.process.poll() is not None:
            problems.append(f"the daemon ended with {proxy.process.returncode}: {proxy.output}")
        print(f"{sent} requests, memory {memory >> 10} KiB {grown >> 10:+} KiB, "
              f"origins saw {sum(o.requests for o in origins)}, cut {sum(o.cuts for o in origins)}")
        print(summary(tally))
    for origin in origins:
        await origin.stop()
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("SOAK_SECONDS", 60)))
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seed", default=os.environ.get("SOAK_SEED"))
    options = parser.parse_args()
    options.seed = options.seed or str(random.SystemRandom().randrange(1 << 32))
    print(f"seed {options.seed}", flush=True)
    problems = asyncio.run(soak(options))
    for problem in problems:
        print("PROBLEM:", problem)
    print("failed" if problems else "passed", f"(SOAK_SEED={options.seed})")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
