#!/usr/bin/env python3
"""Compares the daemon with nginx and HAProxy on this machine.

    scripts/bench/compare.py throughput    processor time a request, requests a second, p99 (6 minutes)
    scripts/bench/compare.py floor         beside a pump of bytes, which no proxy can be cheaper than
    scripts/bench/compare.py latency       p50 to p99.9 at a fixed rate, half of what the peers can do
    scripts/bench/compare.py features      what logs, metrics, probes, ... add to a request
    scripts/bench/compare.py memory        idle connections; after a burst
    scripts/bench/compare.py scale         workers, connections, upstreams, label sets

Each proxy runs with one worker on processor 0, the origin (nginx) and the load on processor 1. The
figure to look at is processor time a request: the machine's other work moves it least. Rounds take the
proxies in turns and medians are printed, as a table in Markdown; results go to NAME.json and plots to
*.svg in --out. Only loopback is used, every run is bounded, and what is started is ended.

    --binary FILE      the daemon (build/release/reverse-proxy)
    --rounds N         --seconds N         of each measurement
    --only A,B         of throughput: these workloads; of scale: these of workers, connections,
                       upstreams, labels. Others that --out has results of stay in tables and plots.
"""

import argparse
import contextlib
import json
import pathlib
import signal
import statistics
import sys
import tempfile
import threading
import time
import urllib.request

import plots
from load import (WORKLOADS, WaitingClients, Workload, at_rate, in_turns, medians, saturate)
from proxies import PROXIES, ROOT, need, start, start_byte_pump, start_origin

PLAIN = ("ours", "nginx", "haproxy")
IDLE_CONNECTIONS = 8000
BURST = 1000
SMALL = WORKLOADS["small"]


class Bench:
    """One run of this script: its folder, its processes, its results."""

    def __init__(self, arguments, folder, stack):
        self.arguments, self.folder, self.stack = arguments, folder, stack

    def keep(self, process):
        self.stack.callback(process.end)
        return process

    def origin(self, endpoints=1, cpus="1"):
        process, addresses = start_origin(self.folder, endpoints, cpus)
        self.keep(process)
        return addresses

    def start(self, name, upstreams, **options):
        return self.keep(start(name, self.folder, upstreams, binary=self.arguments.binary,
                               **options))

    def start_all(self, names, upstreams, **options):
        return {name: self.start(name, upstreams, **options) for name in names}

    def run(self, proxies, workload, cpus="1"):
        """name -> list of results, of wrk."""
        def measure(proxy, warming_up):
            return saturate(proxy, workload, 1 if warming_up else self.arguments.seconds,
                            self.folder, cpus)
        return in_turns(proxies, self.arguments.rounds, measure)

    def medians(self, proxies, workload, cpus="1"):
        return {name: medians(runs) for name, runs in self.run(proxies, workload, cpus).items()}

    def chosen(self, names):
        only = self.arguments.only.split(",") if self.arguments.only else list(names)
        unknown = set(only) - set(names)
        if unknown:
            raise SystemExit(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(names)}")
        return only

    def earlier(self, name):
        path = self.arguments.out / f"{name}.json"
        return json.loads(path.read_text()) if self.arguments.only and path.exists() else {}

    def save(self, name, results):
        self.arguments.out.mkdir(parents=True, exist_ok=True)
        (self.arguments.out / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")

    def plot(self, name, svg):
        (self.arguments.out / f"{name}.svg").write_text(svg)


def table(head, rows):
    print("\n| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio_to_best(results, key, peers, more_is_better=False):
    ours, others = results["ours"][key], [results[name][key] for name in peers]
    return ours / max(others) if more_is_better else min(others) / ours


def throughput(bench):
    results = bench.earlier("throughput")
    proxies = bench.start_all(PROXIES, bench.origin())
    for name in bench.chosen(WORKLOADS):
        results[name] = bench.medians(proxies, WORKLOADS[name])
        print(name, {proxy: round(row["cpu_us"], 1) for proxy, row in results[name].items()},
              flush=True)
        bench.save("throughput", results)  # kept should a later one fail
    results = {name: results[name] for name in WORKLOADS if name in results}
    plain, every = PLAIN[1:], [name for name in PROXIES if name != "ours"]
    table(["workload", *(f"{name}, µs" for name in PROXIES), "ratio to best", "to best tuned too"],
          [[f"{name}: {WORKLOADS[name].meaning}",
            *(figure(row[proxy]["cpu_us"]) for proxy in PROXIES),
            f"{ratio_to_best(row, 'cpu_us', plain):.2f}",
            f"{ratio_to_best(row, 'cpu_us', every):.2f}"] for name, row in results.items()])
    table(["workload", *(f"{name}, rps / p99 ms" for name in PROXIES), "rps to best", "p99 to best",
           "failed"],
          [[name, *(f"{row[p]['rps']:,.0f} / {figure(row[p]['p99_ms'])}" for p in PROXIES),
            f"{ratio_to_best(row, 'rps', every, True):.2f}",
            f"{ratio_to_best(row, 'p99_ms', every):.2f}",
            sum(proxy["failed"] for proxy in row.values())] for name, row in results.items()])
    bench.plot("throughput", plots.bars(
        "Processor time a request (ours = 1; higher is dearer)", "times ours", list(results),
        {p: [row[p]["cpu_us"] / row["ours"]["cpu_us"] for row in results.values()]
         for p in PROXIES}))


def floor(bench):
    # Not `close`, where the pump cannot share connections to the origin, nor what is spliced.
    names = [name for name in ("small", "headers", "many", "64k", "post16k")
             if name in bench.chosen(WORKLOADS)]
    results = bench.earlier("floor")
    upstreams = bench.origin()
    proxies = bench.start_all(PLAIN, upstreams) | {
        "floor": bench.keep(start_byte_pump(bench.folder, upstreams))}
    for name in names:
        results[name] = bench.medians(proxies, WORKLOADS[name])
        bench.save("floor", results)
    table(["workload", "floor, µs", *(f"{name}, µs" for name in PLAIN), "ours to floor",
           "ratio to best", "of at most"],
          [[f"{name}: {WORKLOADS[name].meaning}", figure(row["floor"]["cpu_us"]),
            *(figure(row[proxy]["cpu_us"]) for proxy in PLAIN),
            f"{row['ours']['cpu_us'] / row['floor']['cpu_us']:.2f}",
            f"{ratio_to_best(row, 'cpu_us', PLAIN[1:]):.2f}",
            f"{min(row[peer]['cpu_us'] for peer in PLAIN[1:]) / row['floor']['cpu_us']:.2f}"]
           for name, row in results.items()])


def latency(bench):
    proxies = bench.start_all(PLAIN, bench.origin())
    fastest = max(medians(runs)["rps"] for name, runs in bench.run(proxies, SMALL).items()
                  if name != "ours")
    rate = round(fastest / 2)

    def measure(proxy, warming_up):
        return at_rate(proxy, SMALL.path, SMALL.connections, rate,
                       1 if warming_up else 2 * bench.arguments.seconds)

    results = {name: medians(runs)
               for name, runs in in_turns(proxies, bench.arguments.rounds, measure).items()}
    bench.save("latency", {"rate": rate, "proxies": results})
    quantiles = {"p50_ms": "p50", "p90_ms": "p90", "p99_ms": "p99", "p999_ms": "p99.9"}
    print(f"\n{rate} requests a second, {SMALL.connections} connections")
    table(["proxy", *(f"{word}, ms" for word in quantiles.values()), "CPU, µs", "failed"],
          [[name, *(f"{row[key]:.3f}" for key in quantiles), figure(row["cpu_us"]), row["failed"]]
           for name, row in results.items()])
    bench.plot("latency", plots.bars(
        f"Latency at {rate:,} requests a second", "ms", list(quantiles.values()),
        {name: [row[key] for key in quantiles] for name, row in results.items()}))


@contextlib.contextmanager
def scraping(proxy):
    """Asks for /metrics once a second, as Prometheus would at its most eager."""
    stop = threading.Event()

    def scrape():
        while not stop.wait(1):
            with urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/metrics", timeout=5) as got:
                got.read()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def features(bench):
    off = {"CIRCUIT_BREAKER": "false", "RETRY_MAX_ATTEMPTS": "1"}
    log = {"ACCESS_LOG": "true", "LOG_FORMAT": "json"}
    probes = {"HEALTHCHECK": "true", "HEALTHCHECK_INTERVAL_SECS": "1", "HEALTHCHECK_PATH": "/tiny"}
    trust = {"TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.0/8"}
    resilience = {"CIRCUIT_BREAKER": "true", "RETRY_MAX_ATTEMPTS": "3"}
    variants = {
        "all off": off,
        "access log (JSON, to a file)": off | log,
        "metrics scraped each second": off,
        "health probes each second": off | probes,
        "breaker and retries": off | resilience,
        "TRUSTED_PROXIES": off | trust,
        "all on": off | log | probes | trust | resilience,
    }
    upstreams = bench.origin()
    # With the fields that trust is about, whether they are believed or not.
    workload = Workload("", SMALL.path, SMALL.connections,
                        {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"})
    proxies = {name: bench.start("ours", upstreams, settings=settings,
                                 output=bench.folder / f"features-{number}.log")
               for number, (name, settings) in enumerate(variants.items())}
    scraped = {id(proxies["metrics scraped each second"]), id(proxies["all on"])}

    def measure(proxy, warming_up):
        with scraping(proxy) if id(proxy) in scraped else contextlib.nullcontext():
            return saturate(proxy, workload, 1 if warming_up else bench.arguments.seconds,
                            bench.folder)

    runs = in_turns(proxies, bench.arguments.rounds, measure)
    results = {}
    for name, rows in runs.items():
        # Against the run of the same round: the machine drifts by more than a feature costs.
        price = statistics.median(row["cpu_us"] / base["cpu_us"]
                                  for row, base in zip(rows, runs["all off"]))
        results[name] = {"cpu_us": medians(rows)["cpu_us"], "price_percent": 100 * (price - 1)}
    bench.save("features", results)
    table(["setting", "CPU a request, µs", "price"],
          [[name, figure(row["cpu_us"]), f"{row['price_percent']:+.1f} %"]
           for name, row in results.items()])
    bench.plot("features", plots.bars("Processor time a request, by what is switched on", "µs",
                                      ["off", "log", "metrics", "probes", "breaker", "trust", "all"],
                                      {"ours": [row["cpu_us"] for row in results.values()]}))


def settled_kib(proxy, longest_seconds=8):
    """Memory once it no longer moves; some give it back only after a while."""
    last, same = proxy.memory_kib(), 0
    for _ in range(longest_seconds):
        time.sleep(1)
        now = proxy.memory_kib()
        same = same + 1 if abs(now - last) <= 8 else 0
        last = now
        if same == 3:
            break
    return last


def memory(bench):
    upstreams = bench.origin()
    results = {}
    for name in PLAIN:
        results[name] = {}
        for what, count, path, at_once in (("idle", IDLE_CONNECTIONS, SMALL.path, False),
                                           ("burst", BURST, "/64k", True)):
            proxy = bench.start(name, upstreams)
            before = settled_kib(proxy, 2)
            clients = WaitingClients(proxy, count, path, at_once)
            try:
                after = settled_kib(proxy)
            finally:
                clients.close()
            proxy.end()
            results[name] |= {f"{what}_before_kib": before, f"{what}_after_kib": after,
                              f"{what}_each_kib": (after - before) / count}
    bench.save("memory", results)
    table(["proxy", "at start, KiB", f"{IDLE_CONNECTIONS:,} idle, KiB", "each, KiB",
           f"after {BURST:,} at once, KiB", "each, KiB"],
          [[name, row["idle_before_kib"], row["idle_after_kib"], f"{row['idle_each_kib']:.2f}",
            row["burst_after_kib"], f"{row['burst_each_kib']:.2f}"]
           for name, row in results.items()])
    bench.plot("memory", plots.bars("Process memory for each connection", "KiB",
                                    [f"{IDLE_CONNECTIONS:,} idle", f"after {BURST:,} at once"],
                                    {name: [row["idle_each_kib"], row["burst_each_kib"]]
                                     for name, row in results.items()}))


def scale_workers(bench, upstreams):
    # All on all processors: the number of workers is the only difference.
    proxies = {str(n): bench.start("ours", upstreams, settings={"WORKERS": str(n)}, cpus="0,1")
               for n in (1, 2, 8)}
    # What workers share is touched outside the kernel: contention would show in that part.
    points = bench.medians(proxies, SMALL, "0,1").items()
    return {"ours": {n: row["cpu_us"] for n, row in points},
            "ours, outside the kernel": {n: row["user_us"] for n, row in points}}


def by_proxy(points):
    """point -> proxy -> results, turned round."""
    return {name: {point: row[name]["cpu_us"] for point, row in points.items()}
            for name in next(iter(points.values()))}


def scale_connections(bench, upstreams):
    proxies = bench.start_all(PLAIN, upstreams)
    return by_proxy({str(n): bench.medians(proxies, Workload("", SMALL.path, n))
                     for n in (10, 100, 1000, IDLE_CONNECTIONS)})


def scale_upstreams(bench, _):
    every = bench.origin(1000)
    points = {}
    for count in (1, 10, 100, 1000):
        proxies = bench.start_all(PLAIN, every[:count])
        points[str(count)] = bench.medians(proxies, SMALL)
        for proxy in proxies.values():
            proxy.end()
    return by_proxy(points)


def scale_labels(bench, upstreams):
    points = {}
    for count in (1, 10, 100, 500):
        # Letters, as digits would become `:id`; a daemon of its own, as label sets stay.
        script = f"""
local paths, next_path = {{}}, 0
for i = 1, {count} do
  local name, rest = "", i
  while rest > 0 do name = name .. string.char(103 + rest % 20); rest = math.floor(rest / 20) end
  paths[i - 1] = wrk.format("GET", "/small/" .. name)
end
request = function() next_path = (next_path + 1) % {count}; return paths[next_path] end
init = function() for i, path in pairs(paths) do paths[i] = path end end
"""
        # wrk.format wants the host, which is known only in init.
        script = script.replace('wrk.format("GET", "/small/" .. name)', '"/small/" .. name')
        script = script.replace("paths[i] = path", 'paths[i] = wrk.format("GET", path)')
        proxy = bench.start("ours", upstreams)
        points[str(count)] = bench.medians(
            {"ours": proxy}, Workload("", "/", SMALL.connections, script=script))
        proxy.end()
    return by_proxy(points)


SCALES = {"workers": scale_workers, "connections": scale_connections,
          "upstreams": scale_upstreams, "labels": scale_labels}


def scale(bench):
    results = bench.earlier("scale")
    upstreams = bench.origin(cpus="0,1" if bench.arguments.only == "workers" else "1")
    for axis in bench.chosen(SCALES):
        results[axis] = SCALES[axis](bench, upstreams)
        bench.save("scale", results)
    for axis, series in results.items():
        points = list(next(iter(series.values())))
        table([axis, *(f"{int(point):,}" for point in points)],
              [[f"{name}, µs", *(figure(row[point]) for point in points)]
               for name, row in series.items()])
        bench.plot(f"scale-{axis}", plots.lines(
            f"Processor time a request by {axis}", "µs", [int(point) for point in points], axis,
            {name: list(row.values()) for name, row in series.items()}))


# name: (what it does, rounds, seconds)
COMMANDS = {"throughput": (throughput, 3, 2), "floor": (floor, 5, 1), "latency": (latency, 3, 2),
            "features": (features, 7, 2), "memory": (memory, 1, 1), "scale": (scale, 3, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--binary", type=pathlib.Path,
                        default=ROOT / "build" / "release" / "reverse-proxy")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "bench")
    arguments = parser.parse_args()
    arguments.binary, arguments.out = arguments.binary.resolve(), arguments.out.resolve()
    measure, rounds, seconds = COMMANDS[arguments.command]
    arguments.rounds = arguments.rounds or rounds
    arguments.seconds = arguments.seconds or seconds
    need("wrk", "nginx", "haproxy", "taskset")
    if not arguments.binary.exists():
        raise SystemExit(f"{arguments.binary} is missing; scripts/run.sh --version builds it")
    # Ended from outside (`timeout`, say), it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        measure(Bench(arguments, pathlib.Path(folder), stack))


if __name__ == "__main__":
    main()
