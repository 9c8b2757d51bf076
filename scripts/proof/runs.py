#!/usr/bin/env python3
"""Makes docs/proof from real runs: scripts/proof/runs.py BINARY FOLDER (scripts/proof.sh calls it)."""

import asyncio
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

from plots import Line, Panel, draw
from traffic import Clients, get

HERE = pathlib.Path(__file__).resolve().parent
E2E = HERE.parent.parent / "tests" / "e2e"
sys.path.insert(0, str(E2E))
from support import environment, free_port, wait_listening  # pylint: disable=wrong-import-position

SECONDS = 40
SAMPLE_SECONDS = 0.25
# What the daemon does, as its end-to-end tests show it; the others are about load and failure.
FEATURES = ("quick_start", "command_line", "clients", "websocket", "large_content", "retries",
            "transitions", "slow_clients", "shutdown", "logs", "metrics")


class Process:
    """A process that listens, ended with the block."""

    def __init__(self, port, *command, **settings):
        self.port = port
        self._command = command
        self._environment = environment(settings)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self._command, env=self._environment,
                                        stdout=subprocess.DEVNULL)
        wait_listening(self.process, self.port)
        return self

    def __exit__(self, *_):
        self.kill(signal.SIGTERM)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(60)


def origin(seconds, at_once, port=None):
    port = port or free_port()
    return Process(port, sys.executable, str(HERE / "traffic.py"), str(port), str(seconds),
                   str(at_once))


def proxy(binary, origins, **settings):
    port, admin = free_port(), free_port()
    settings = {"LISTEN": f"127.0.0.1:{port}", "ADMIN_LISTEN": f"127.0.0.1:{admin}", "WORKERS": "1",
                "UPSTREAMS": ",".join(f"http://127.0.0.1:{each.port}" for each in origins),
                "ACCESS_LOG": "false", "EXPOSE_DEBUG_HEADERS": "true"} | settings
    started = Process(port, binary, **settings)
    started.admin = admin
    return started


class Sampler:
    """Reads /metrics again and again while the clients run."""

    def __init__(self, clients, admin):
        self.samples = []  # [(seconds, text of /metrics)]
        self._clients = clients
        self._admin = admin

    async def run(self, seconds):
        while (now := time.monotonic() - self._clients.began) < seconds:
            self.samples.append((now, await get(self._admin, "/metrics")))
            await asyncio.sleep(SAMPLE_SECONDS)

    def series(self, name):
        """@param name: with its labels, as /metrics writes it"""
        found = []
        for at, text in self.samples:
            match = re.search("^" + re.escape(name) + r" (\S+)$", text, re.MULTILINE)
            found.append((at, float(match.group(1)) if match else None))
        return found


def each_second(answers, chosen, value=len):
    """@return [(middle of the second, value of the answers to what was sent in it)]"""
    buckets = [[] for _ in range(SECONDS)]
    for answer in answers:
        if chosen(answer):
            buckets[int(answer.sent)].append(answer)
    return [(second + 0.5, value(bucket)) for second, bucket in enumerate(buckets)]


def quantile(share):
    def value(bucket):
        if len(bucket) < 2:
            return bucket[0].seconds * 1000 if bucket else None
        times = [answer.seconds * 1000 for answer in bucket]
        return statistics.quantiles(times, n=100, method="inclusive")[round(share * 100) - 1]
    return value


async def pressure(binary, folder):
    """Three times what the origin can do, for a quarter of a minute."""
    limit, service = 20, 0.1  # so the origin does 200 a second
    def rate(at):
        return 100 if at < 8 or at >= 32 else (300 if at < 16 or at >= 24 else 600)

    with origin(service, limit) as only, proxy(binary, [only], MAX_IN_FLIGHT=str(limit)) as through:
        clients = Clients(through.port)
        sampler = Sampler(clients, through.admin)
        clients.began = time.monotonic()
        await asyncio.gather(clients.run(rate, SECONDS), sampler.run(SECONDS))
    answers = clients.answers

    def is_good(answer):
        return answer.status == 200

    def is_refused(answer):
        return answer.status == 503

    others = [answer for answer in answers if not is_good(answer) and not is_refused(answer)]
    refused = sum(map(is_refused, answers))
    draw(folder / "pressure.png",
         f"Backpressure: {len(answers)} requests, {len(answers) - refused - len(others)} accepted, "
         f"{refused} refused, {len(others)} without an answer",
         [Panel("Requests by the second in which they were sent", "requests/s", [
             Line("sent", each_second(answers, lambda _: True), colour=4, dashed=True),
             Line("accepted (200)", each_second(answers, is_good), colour=0),
             Line("refused (503)", each_second(answers, is_refused), colour=1)], top=800),
          Panel("Requests in work", "requests", [
              Line("in flight", sampler.series("reverse_proxy_in_flight_requests"), "steps"),
              Line("MAX_IN_FLIGHT", sampler.series("reverse_proxy_in_flight_limit"), colour=1,
                   dashed=True)], top=limit * 1.25),
          Panel(f"Latency: the origin takes {service * 1000:.0f} ms and does {limit} at a time",
                "ms", [
                    Line("accepted, p99", each_second(answers, is_good, quantile(0.99)), colour=0),
                    Line("accepted, p50", each_second(answers, is_good, quantile(0.5)), colour=2),
                    Line("refused, p99", each_second(answers, is_refused, quantile(0.99)),
                         colour=1),
                    Line("refused, p50", each_second(answers, is_refused, quantile(0.5)),
                         colour=3)], logarithmic=True)],
         [(at, f"{times} x what the origin can do" if times == 3 else f"{times} x")
          for at, times in ((8, 1.5), (16, 3), (24, 1.5), (32, 0.5))], SECONDS)
    if not refused or others:
        raise RuntimeError(f"pressure: {refused} refused, {len(others)} without an answer")


async def health(binary, folder):
    """One of three origins is killed, and comes back a quarter of a minute later."""
    names = ("A", "B", "C")
    died, back = 10, 25
    ports = [free_port() for _ in names]
    with origin(0.005, 100, ports[0]) as first, origin(0.005, 100, ports[1]) as second, \
            origin(0.005, 100, ports[2]) as third, \
            proxy(binary, [first, second, third], HEALTHCHECK="true", HEALTHCHECK_INTERVAL_SECS="1",
                  CIRCUIT_BREAKER_OPEN_MS="3000") as through:
        clients = Clients(through.port)
        sampler = Sampler(clients, through.admin)
        clients.began = time.monotonic()

        async def accident():
            await asyncio.sleep(died)
            second.kill()
            await asyncio.sleep(back - died)
            with origin(0.005, 100, second.port):
                await asyncio.sleep(SECONDS - back + 1)

        await asyncio.gather(clients.run(lambda _: 150, SECONDS), sampler.run(SECONDS), accident())
        (folder / "metrics_sample.txt").write_text(await get(through.admin, "/metrics"),
                                                   encoding="utf-8")
    answers = clients.answers
    labels = {f"127.0.0.1:{port}": f"origin {name}" for port, name in zip(ports, names)}
    errors = [answer for answer in answers if answer.status != 200]

    def states(metric):
        """A line for each origin, a little apart so that none hides another."""
        return [Line(name, [(at, value if value is None else value + 0.04 * colour)
                            for at, value in sampler.series(f'{metric}{{upstream="{label}"}}')],
                     "steps", colour) for colour, (label, name) in enumerate(labels.items())]

    draw(folder / "health.png",
         f"An origin dies and returns: {len(answers)} requests, {len(errors)} errors seen by clients",
         [Panel("Answers by origin", "requests/s", [
             Line(name, each_second(answers, lambda answer, label=label: answer.upstream == label),
                  colour=colour) for colour, (label, name) in enumerate(labels.items())], top=100),
          Panel("Errors seen by clients", "requests/s",
                [Line("not 200", each_second(answers, lambda answer: answer.status != 200),
                      "impulses", 1)], top=10),
          Panel("Breaker", "", states("reverse_proxy_upstream_breaker_state"), top=2.5,
                ticks='"closed" 0, "half-open" 1, "open" 2'),
          Panel("Health by probes", "", states("reverse_proxy_upstream_healthy"), top=1.3,
                ticks='"unhealthy" 0, "healthy" 1')],
         [(died, "origin B is killed"), (back, "it is started again")], SECONDS)
    returned = [answer for answer in answers
                if answer.sent > back + 5 and answer.upstream == f"127.0.0.1:{ports[1]}"]
    if errors or not returned:
        raise RuntimeError(f"health: {len(errors)} errors, {len(returned)} answers of the one back")


# The runner's words go to standard output; what threads of an origin complain about, to the other.
RUN_TESTS = ("import sys, unittest; unittest.main(module=None, testRunner="
             "unittest.TextTestRunner(stream=sys.stdout, verbosity=2))")


def features(binary, folder):
    """The end-to-end tests of what the daemon does, against this binary."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_TESTS, *(f"test_{name}" for name in FEATURES)], cwd=E2E,
        env=os.environ | {"REVERSE_PROXY_BINARY": str(binary)}, text=True, capture_output=True,
        timeout=1200, check=False)
    version = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True)
    (folder / "proxy_features_output.txt").write_text(version.stdout + "\n" + done.stdout,
                                                      encoding="utf-8")
    if done.returncode != 0:
        raise RuntimeError("features: " + done.stdout + done.stderr)


if __name__ == "__main__":
    program, target = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(pressure(program, target))
    asyncio.run(health(program, target))
    features(program, target)
