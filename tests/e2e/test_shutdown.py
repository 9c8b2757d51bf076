"""Signals and drain (contract, section 6), under load that must not notice."""

import http.client
import json
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from support import (BOUND_SECONDS, Directory, Nginx, Origin, Proxy, binary, end, environment,
                     free_port, simple_origin, tool, wait_listening, wait_until)


class HeldOrigin:
    """Answers once it is released."""

    def __init__(self):
        self.arrived = threading.Event()
        self.released = threading.Event()

    def handle(self, connection, _):
        self.arrived.set()
        if self.released.wait(BOUND_SECONDS):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")


class Signals(unittest.TestCase):
    def test_sigterm_and_sigint_end_an_idle_daemon(self):
        origin = self.enterContext(simple_origin())
        for number in (signal.SIGTERM, signal.SIGINT):
            with Proxy(UPSTREAMS=origin.url) as proxy:
                self.assertEqual(proxy.get("/")[0].status, 200)
                proxy.process.send_signal(number)
                self.assertEqual(proxy.wait_exit(), 0)

    def test_signals_that_mean_other_things_elsewhere_do_nothing(self):
        origin = self.enterContext(simple_origin())
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url))
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            proxy.process.send_signal(number)
        self.assertEqual(proxy.get("/")[0].status, 200)
        self.assertEqual(json.loads(proxy.get("/readyz")[1]), {"status": "ready"})

    def test_ends_though_nobody_reads_standard_output(self):
        origin = self.enterContext(simple_origin())
        port = free_port()
        settings = {"UPSTREAMS": origin.url, "LISTEN": f"127.0.0.1:{port}", "WORKERS": 1}
        process = subprocess.Popen([binary()], env=environment(settings), stdout=subprocess.PIPE)
        self.addCleanup(end, process)
        wait_listening(process, port)
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND_SECONDS)
        self.addCleanup(client.close)
        for _ in range(1000):  # a line each, three times what the pipe takes
            client.request("GET", "/")
            self.assertEqual(client.getresponse().read(), b"ok\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(BOUND_SECONDS), 0)

    def start_held(self, **settings):
        held = HeldOrigin()
        origin = self.enterContext(Origin(held.handle))
        self.addCleanup(held.released.set)
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url, **settings))
        client = socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS)
        self.addCleanup(client.close)
        client.sendall(b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n")
        self.assertTrue(held.arrived.wait(BOUND_SECONDS))
        return held, proxy, client

    def wait_not_listening(self, proxy):
        def refused():
            try:
                socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS).close()
                return False
            except OSError:
                return True

        wait_until(refused, "the listener is closed")

    def test_a_request_in_work_is_finished(self):
        held, proxy, client = self.start_held()
        proxy.process.send_signal(signal.SIGTERM)
        self.wait_not_listening(proxy)
        self.assertIsNone(proxy.process.poll())
        held.released.set()
        received = b""
        while piece := client.recv(65536):
            received += piece
        self.assertTrue(received.startswith(b"HTTP/1.1 200") and received.endswith(b"done"),
                        received)
        self.assertIn(b"connection: close", received.lower())
        self.assertEqual(proxy.wait_exit(), 0)

    def test_a_second_sigterm_ends_at_once_with_1(self):
        _, proxy, client = self.start_held()
        proxy.process.send_signal(signal.SIGTERM)
        self.wait_not_listening(proxy)
        begin = time.monotonic()
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.wait_exit(), 1)
        self.assertLess(time.monotonic() - begin, BOUND_SECONDS)  # the grace is longer
        try:
            self.assertEqual(client.recv(65536)[:12] in (b"", b"HTTP/1.1 503"), True)
        except ConnectionResetError:
            pass  # a cut may look like that

    def test_the_grace_has_an_end(self):
        _, proxy, client = self.start_held(SHUTDOWN_GRACE_SECONDS=1)
        begin = time.monotonic()
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.wait_exit(), 0)
        self.assertLess(time.monotonic() - begin, BOUND_SECONDS)
        self.assertRegex(proxy.output, r"(?i)warn.*(cut|1)")


class UnderLoad(unittest.TestCase):
    def setUp(self):
        root = self.enterContext(Directory())
        root.chmod(0o755)
        (root / "index.html").write_text("x" * 200, encoding="ascii")
        self.nginx = self.enterContext(Nginx(root))

    def test_wrk_does_not_notice_the_delay(self):
        program = tool("wrk")
        proxy = self.enterContext(Proxy(UPSTREAMS=self.nginx.url, SHUTDOWN_DELAY_SECONDS=10,
                                        ACCESS_LOG="false"))
        wrk = subprocess.Popen([program, "-t1", "-c16", "-d4s", "--timeout", "60s",
                                proxy.url + "/"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(wrk.stdout.close)
        wait_until(lambda: proxy.metric("requests_total") > 500, "the load is on")
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: proxy.get("/readyz")[0].status == 503, "the drain is told")
        report = wrk.communicate(timeout=BOUND_SECONDS)[0]
        self.assertIsNone(proxy.process.poll(), "wrk must end within the delay")
        self.assertNotIn("Socket errors", report)
        self.assertNotIn("Non-2xx", report)
        self.assertGreater(int(re.search(r"(\d+) requests in", report)[1]), 500)
        self.assertEqual(proxy.wait_exit(), 0)

    def test_clients_behind_a_balancer_lose_no_request(self):
        proxy = self.enterContext(Proxy(UPSTREAMS=self.nginx.url, SHUTDOWN_DELAY_SECONDS=6,
                                        ACCESS_LOG="false"))
        taken_out = threading.Event()
        failures, served = [], []

        def client():
            connection = proxy.connect()
            while not taken_out.is_set():
                try:
                    connection.request("GET", "/")
                    response = connection.getresponse()
                    response.read()
                    if response.status != 200:
                        failures.append(response.status)
                    served.append(1)
                except (OSError, http.client.HTTPException) as error:
                    failures.append(error)
            connection.close()

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(served) > 200, "the load is on")
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: proxy.get("/readyz")[0].status == 503, "the drain is told")
        taken_out.set()
        for thread in threads:
            thread.join(BOUND_SECONDS)
        self.assertEqual(failures, [])
        self.assertEqual(proxy.wait_exit(), 0)


if __name__ == "__main__":
    unittest.main()
