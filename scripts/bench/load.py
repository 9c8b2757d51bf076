"""What is sent through a proxy: closed loops by wrk, a fixed rate by open_loop, and connections that
only wait."""

import json
import re
import socket
import statistics
import subprocess
import time

from proxies import LOAD_CPU, built

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.7,fr;q=0.3",
    "Cache-Control": "no-cache",
    "Cookie": f"session={'9f86d081' * 12}; theme=light; consent=given",
    "Referer": "http://www.example.org/catalogue/shoes?from=start&campaign=autumn",
    "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-User": "?1", "Upgrade-Insecure-Requests": "1", "DNT": "1", "Priority": "u=0, i",
    "X-Request-Id": "0af7651916cd43dd8448eb211c80319c",
}


class Workload:
    def __init__(self, meaning, path, connections, fields=None, script=None):
        self.meaning, self.path, self.connections = meaning, path, connections
        self.fields, self.script = fields or {}, script


WORKLOADS = {
    "small": Workload("1 KiB, 64 connections", "/small", 64),
    "headers": Workload("the same, 15 request fields", "/small", 64, BROWSER),
    "many": Workload("1 KiB, 1,000 connections", "/small", 1000),
    "close": Workload("a connection a request, 32 at once", "/tiny", 32, {"Connection": "close"}),
    "64k": Workload("64 KiB, 32 connections", "/64k", 32),
    "1m": Workload("1 MiB, 16 connections", "/1m", 16),
    "10m": Workload("10 MiB, 8 connections", "/10m", 8),
    "post16k": Workload("POST of 16 KiB, 32 connections", "/sink", 32,
                        script='wrk.method = "POST"\nwrk.body = string.rep("p", 16384)\n'),
}

UNITS_MS = {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}


def saturate(proxy, workload, seconds, folder, cpus=LOAD_CPU):
    """One run of wrk, as fast as the proxy will go; figures by request."""
    command = ["taskset", "-c", cpus, "wrk", "-t1", f"-c{workload.connections}", f"-d{seconds}s",
               "--latency", "--timeout", "10s"]
    for name, value in workload.fields.items():
        command += ["-H", f"{name}: {value}"]
    if workload.script:
        script = folder / "load.lua"
        script.write_text(workload.script)
        command += ["-s", str(script)]
    command.append(f"http://127.0.0.1:{proxy.port}{workload.path}")
    cpu, user, began = proxy.cpu_seconds(), proxy.user_seconds(), time.monotonic()
    text = subprocess.run(command, capture_output=True, text=True, check=True,
                          timeout=seconds + 40).stdout
    cpu, lasted = proxy.cpu_seconds() - cpu, time.monotonic() - began
    user = proxy.user_seconds() - user
    requests = int(re.search(r"(\d+) requests in", text)[1])
    failed = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    failed += sum(map(int, errors.groups())) if errors else 0
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\s", text)
    return {"cpu_us": cpu * 1e6 / max(requests, 1), "user_us": user * 1e6 / max(requests, 1),
            "rps": requests / lasted,
            "p99_ms": float(p99[1]) * UNITS_MS[p99[2]] if p99 else 0.0, "failed": failed,
            "busy": cpu / lasted}


def at_rate(proxy, path, connections, rate, seconds):
    """One run of the open-loop generator: latencies from when each request was due."""
    command = ["taskset", "-c", LOAD_CPU, str(built("open_loop")), "127.0.0.1", str(proxy.port), path,
               str(connections), str(rate), str(seconds)]
    cpu = proxy.cpu_seconds()
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True,
                                       timeout=seconds + 40).stdout)
    result["cpu_us"] = (proxy.cpu_seconds() - cpu) * 1e6 / max(result["requests"], 1)
    return result


def in_turns(proxies, rounds, measure):
    """Measures each of the named proxies once a round, back and forth, so that a drift of the machine
    meets all of them; one run before is not counted. @return name -> list of results"""
    results = {name: [] for name in proxies}
    for proxy in proxies.values():
        measure(proxy, True)
    for number in range(rounds):
        for name in list(proxies)[::1 if number % 2 == 0 else -1]:
            results[name].append(measure(proxies[name], False))
    return results


def medians(runs):
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    if "failed" in middle:
        middle["failed"] = sum(run["failed"] for run in runs)
    return middle


class WaitingClients:
    """Keep-alive connections to a proxy, each after one request."""

    def __init__(self, proxy, count, path, at_once):
        self._sockets = []
        self._request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        try:
            for _ in range(count):
                client = socket.create_connection(("127.0.0.1", proxy.port), 30)
                self._sockets.append(client)
                if not at_once:
                    client.sendall(self._request)
                    self._read_response(client)
            if at_once:
                for client in self._sockets:
                    client.sendall(self._request)
                for client in self._sockets:
                    self._read_response(client)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _read_response(client):
        bytes_read = b""
        while b"\r\n\r\n" not in bytes_read:
            piece = client.recv(65536)
            if not piece:
                raise RuntimeError("the proxy closed a connection")
            bytes_read += piece
        head, content = bytes_read.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the proxy answered {head[:60]}")
        left = int(re.search(rb"(?i)content-length: (\d+)", head)[1]) - len(content)
        while left > 0:
            piece = client.recv(min(left, 1 << 20))
            if not piece:
                raise RuntimeError("the proxy closed a connection within content")
            left -= len(piece)

    def close(self):
        for client in self._sockets:
            client.close()
        self._sockets.clear()
