"""Clients that are slow in every way, thousands at once: an ordinary client notices nothing, each of
them costs little, and each is bounded by its setting.

SLOW_CLIENTS sets how many (1000; 5000 for a long run; both ends need that many descriptors).
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import socket
import struct
import subprocess
import sys
import threading
import unittest

from support import BOUND_SECONDS, SANITIZED, Proxy, end, simple_origin, wait_until

PROGRAM = pathlib.Path(__file__).parent / "slow_clients.py"
COUNT = int(os.environ.get("SLOW_CLIENTS", "200" if SANITIZED else "1000"))
KINDS = ("idle", "silent", "head", "small_content", "large_content", "chunked_content", "reader")
LONG = 600_000  # a time-out that no test waits for
KIB_PER_CLIENT = 16


class Helper:
    """slow_clients.py as a process; it ends with its standard input."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, str(PROGRAM), *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline().strip()

    def finish(self):
        """@return its last line"""
        text, _ = self.process.communicate(timeout=BOUND_SECONDS)
        return text.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.close()
        end(self.process)


def resident_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Rss:\s+(\d+) kB", text, re.MULTILINE)[1])


class SlowClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        if hard < COUNT + 1000:
            raise unittest.SkipTest(f"{hard} descriptors are too few for {COUNT} clients")

    def start(self, **settings):
        origin = self.enterContext(Helper("origin"))
        defaults = {"UPSTREAMS": f"http://127.0.0.1:{origin.first_line}", "ACCESS_LOG": "false",
                    "MAX_IN_FLIGHT": 2 * COUNT, "MAX_CONNECTIONS": 2 * COUNT,
                    "CIRCUIT_BREAKER": "false"}
        for name in ("CLIENT_HEADER_TIMEOUT_MS", "CLIENT_IDLE_TIMEOUT_MS", "STREAM_IDLE_TIMEOUT_MS"):
            defaults[name] = LONG
        return self.enterContext(Proxy(**(defaults | settings)))

    def attach(self, proxy, count, *kinds):
        clients = self.enterContext(Helper("clients", proxy.port, count, ",".join(kinds)))
        self.assertEqual(clients.first_line, f"attached {count}")
        return clients

    @staticmethod
    def connections(proxy):
        """Without the one that asks."""
        return proxy.metric("reverse_proxy_client_connections") - 1

    def serve_ordinary(self, proxy, requests):
        """As many on one connection as on connections of their own; all must succeed."""
        connection = proxy.connect()
        for number in range(requests // 2):
            connection.request("GET", f"/kept/{number}")
            response = connection.getresponse()
            self.assertEqual((response.status, response.read()), (200, b"xx"))
            self.assertEqual(proxy.get("/fresh")[0].status, 200)
        connection.close()

    def test_an_ordinary_client_notices_nothing_and_memory_is_bounded(self):
        proxy = self.start()
        self.serve_ordinary(proxy, 200)
        before = resident_kib(proxy.process.pid)
        clients = self.attach(proxy, COUNT, *KINDS)
        wait_until(lambda: self.connections(proxy) >= COUNT, "all attached")
        busy = COUNT // len(KINDS) * 4  # small, large and chunked content, readers
        wait_until(lambda: proxy.metric("reverse_proxy_in_flight_requests") >= busy, "all in work")
        self.serve_ordinary(proxy, 400)
        self.assertGreaterEqual(self.connections(proxy), COUNT, "the slow ones are still there")
        each = (resident_kib(proxy.process.pid) - before) / COUNT
        print(f"\n{COUNT} slow clients: {each:.1f} KiB each", file=sys.stderr)
        if not SANITIZED:
            self.assertLess(each, KIB_PER_CLIENT)
        clients.process.stdin.close()
        ends = json.loads(clients.process.stdout.read())
        self.assertEqual({how for kind in ends.values() for how in kind}, {"open"})
        wait_until(lambda: self.connections(proxy) == 0, "all gone")
        self.serve_ordinary(proxy, 20)

    def bounded(self, kind, how, **settings):
        """All clients of the kind end as `how` says, by the setting's own doing."""
        proxy = self.start(**settings)
        count = 100
        clients = self.attach(proxy, count, kind)
        wait_until(lambda: self.connections(proxy) == 0, f"{kind} is bounded")
        wait_until(lambda: proxy.metric("reverse_proxy_in_flight_requests") == 0, "none in work")
        clients.process.stdin.close()
        ends = json.loads(clients.process.stdout.read())
        self.assertEqual(sum(ends[kind].get(word, 0) for word in how), count, ends)
        self.serve_ordinary(proxy, 20)

    def test_idle_connections_end_silently(self):
        self.bounded("idle", ["closed"], CLIENT_IDLE_TIMEOUT_MS=1000)

    def test_a_head_byte_by_byte_ends_with_408(self):
        # The bound is on the whole head: a byte now and then does not help.
        self.bounded("head", ["408"], CLIENT_HEADER_TIMEOUT_MS=1500)

    def test_content_that_stalls_ends_with_408(self):
        # A byte comes every half second, so that this bound is the shorter one.
        for kind in ("small_content", "large_content", "chunked_content"):
            with self.subTest(kind):
                self.bounded(kind, ["408"], STREAM_IDLE_TIMEOUT_MS=200)

    def test_a_reader_that_stalls_is_cut(self):
        # How it sees the end depends on what the kernel still had for it.
        self.bounded("reader", ["open", "closed", "200", "ConnectionResetError"],
                     STREAM_IDLE_TIMEOUT_MS=200)

    def test_what_is_past_max_connections_waits(self):
        proxy = self.start(MAX_CONNECTIONS=50, CLIENT_HEADER_TIMEOUT_MS=1000)
        self.attach(proxy, 200, "head")
        # The slow ones leave one after another, and whoever waits gets a turn.
        self.serve_ordinary(proxy, 10)

    def test_connections_opened_and_dropped_at_every_step(self):
        proxy = self.start()
        request = (b"POST /upload HTTP/1.1\r\nHost: slow.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"5\r\nhello\r\n")
        with_reset = struct.pack("ii", 1, 0)
        for length in range(0, len(request) + 1, 1 if not SANITIZED else 7):
            for reset in (False, True):
                client = socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS)
                client.sendall(request[:length])
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_reset)
                client.close()
        # In the middle of an answer too.
        for reset in (False, True) * 20:
            client = socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS)
            client.sendall(b"GET /big HTTP/1.1\r\nHost: slow.test\r\n\r\n")
            client.recv(1)
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_reset)
            client.close()
        wait_until(lambda: self.connections(proxy) == 0, "all gone")
        wait_until(lambda: proxy.metric("reverse_proxy_in_flight_requests") == 0, "none in work")
        self.serve_ordinary(proxy, 20)


class OutOfDescriptors(unittest.TestCase):
    """EMFILE: accepting pauses and goes on, neither spinning nor ending the process."""

    LIMIT = 64

    def cpu_seconds(self, pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_accepting_pauses_and_goes_on(self):
        origin = self.enterContext(simple_origin())
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Inherited by the daemon, hard limit and all, so that it cannot raise it.
        limited = f"ulimit -n {self.LIMIT}; exec \"$0\" \"$@\""
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url, WORKERS=1, shell=limited))
        pid = proxy.process.pid
        with contextlib.ExitStack() as stack:
            for _ in range(2 * self.LIMIT):
                client = stack.enter_context(
                    socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS))
                client.sendall(b"GET / HT")
            proxy.wait_line(lambda line: "accepting paused" in line)
            # Three seconds of exhaustion: what is counted is CPU time and lines, not speed.
            spent = self.cpu_seconds(pid)
            threading.Event().wait(3)
            spent = self.cpu_seconds(pid) - spent
            self.assertIsNone(proxy.process.poll())
            self.assertLess(spent, 0.6 if not SANITIZED else 2)
            paused = sum("accepting paused" in line for line in proxy.lines)
            self.assertLessEqual(paused, 6)
        self.assertEqual((soft, hard), resource.getrlimit(resource.RLIMIT_NOFILE))
        # They have gone: whoever comes now is served.
        for _ in range(20):
            self.assertEqual(proxy.get()[0].status, 200)


if __name__ == "__main__":
    unittest.main()
