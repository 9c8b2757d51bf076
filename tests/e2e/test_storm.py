"""Load and failure together: contract, section 4, seen from outside.

STORM_SECONDS sets the length of each storm (5; 20 for a long run), and with it how often the origins
are restarted.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

from support import (BOUND_SECONDS, SANITIZED, Nginx, Proxy, end, free_port, tool, wait_listening,
                     wait_until)

SECONDS = int(os.environ.get("STORM_SECONDS", "5"))
CONNECTIONS = 50 if SANITIZED else 200


class Wrk:
    """wrk as a process. Its own time-out is long: here a late answer is not a wrong one."""

    def __init__(self, url, connections, seconds):
        self.process = subprocess.Popen(
            [tool("wrk"), "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", url],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._bound = seconds + 60

    def stop(self):
        """Ends the load early; wrk reports on SIGINT."""
        self.process.send_signal(signal.SIGINT)

    def report(self):
        """@return (requests, non-2xx answers, socket errors, wrk's text)"""
        try:
            text, _ = self.process.communicate(timeout=self._bound)
        finally:
            end(self.process)
        requests = re.search(r"(\d+) requests in", text)
        if not requests:
            raise AssertionError("wrk did not report: " + text)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                           text)
        return (int(requests[1]), int(bad[1]) if bad else 0,
                sum(map(int, errors.groups())) if errors else 0, text)


class Origins:
    """Three nginx, each answering with its own number; they can be restarted on their ports."""

    def __init__(self, status=200):
        self._root = tempfile.TemporaryDirectory(prefix="rp-e2e-")
        self.all = [Nginx(self._root.name, f'location / {{ return {status} "origin {n}\\n"; }}')
                    for n in range(3)]

    def __enter__(self):
        for origin in self.all:
            origin.__enter__()
        return self

    def __exit__(self, *_):
        for origin in self.all:
            origin.__exit__()
        self._root.cleanup()

    @property
    def urls(self):
        return ",".join(origin.url for origin in self.all)

    @staticmethod
    def restart(origin, how):
        """SIGQUIT lets nginx finish what it has begun, SIGTERM does not."""
        master = origin.process
        master.send_signal(how)
        master.wait(BOUND_SECONDS)
        origin.process = subprocess.Popen(master.args, stderr=subprocess.DEVNULL)
        wait_listening(origin.process, origin.port)


def retries(proxy, stale):
    """Sum of the retries, of stale connections (which the budget does not count) or of the rest."""
    total = 0.0
    for line in proxy.get("/metrics")[1].decode().splitlines():
        if line.startswith("reverse_proxy_retries_total{") and ('reason="stale"' in line) == stale:
            total += float(line.rsplit(" ", 1)[1])
    return total


def told(proxy, text):
    """What helps to understand a failure: wrk's report, what the proxy counted and logged."""
    counted = [line for line in proxy.get("/metrics")[1].decode().splitlines()
               if line.startswith(("reverse_proxy_failures_total", "reverse_proxy_attempts_total",
                                   "reverse_proxy_retry", "reverse_proxy_rejected")) and
               not line.endswith(" 0")]
    return "\n".join([text, *counted, *proxy.lines[-30:]])


def eligible(proxy):
    upstreams = json.loads(proxy.get("/healthz?check=upstream")[1])["upstreams"]
    return sum(upstream["eligible"] for upstream in upstreams)


def wait_budget_full(proxy):
    """Fills the budget of retries, which is made of requests: a fifth of a token each, 100 at most.
    Each restart breaks a third of what is in flight; faster ones than this it could not cover."""
    enough = proxy.metric("requests_total") + 500
    wait_until(lambda: proxy.metric("requests_total") >= enough, "500 requests")


class Storm(unittest.TestCase):
    def start(self, **settings):
        self.started = time.monotonic()
        settings = {"ACCESS_LOG": "false"} | settings
        return self.enterContext(Proxy(**settings))

    def check_budget(self, proxy, requests):
        """Contract, section 2: 10 tokens, 20 % of the requests, 3 per second."""
        allowed = 10 + 0.2 * requests + 3 * (time.monotonic() - self.started)
        self.assertLessEqual(retries(proxy, stale=False), allowed)

    def test_no_get_fails_while_one_of_three_origins_is_dead(self):
        origins = self.enterContext(Origins())
        dead = free_port()
        proxy = self.start(
            UPSTREAMS=f"{origins.all[0].url},http://127.0.0.1:{dead},{origins.all[1].url}",
            CIRCUIT_BREAKER_OPEN_MS=100)
        requests, bad, errors, text = Wrk(proxy.url, CONNECTIONS, SECONDS).report()
        if (bad, errors) != (0, 0):
            self.fail(told(proxy, text))
        self.assertGreater(requests, CONNECTIONS)
        self.assertGreaterEqual(retries(proxy, stale=False), 5)
        self.check_budget(proxy, requests)
        self.assertEqual(proxy.metric("reverse_proxy_rejected_requests_total"), 0)

    def test_origins_that_all_answer_503_are_not_stormed(self):
        origins = self.enterContext(Origins(status=503))
        proxy = self.start(UPSTREAMS=origins.urls, CIRCUIT_BREAKER="false")
        requests, bad, errors, text = Wrk(proxy.url, CONNECTIONS, SECONDS).report()
        self.assertEqual((bad, errors), (requests, 0), text)
        response, content = proxy.get()
        self.assertEqual(response.status, 503)
        self.assertRegex(content, rb"^origin \d\n$")
        answered = requests + CONNECTIONS + 1  # wrk leaves one unread per connection at most
        self.assertGreater(proxy.metric("reverse_proxy_retry_budget_exhausted_total"), 0)
        self.check_budget(proxy, answered)
        spent = retries(proxy, stale=False) + retries(proxy, stale=True)
        self.assertGreater(spent, 10)
        self.assertLessEqual(proxy.metric("reverse_proxy_attempts_total"), answered + spent)

    def test_breakers_spare_origins_that_all_answer_503(self):
        origins = self.enterContext(Origins(status=503))
        proxy = self.start(UPSTREAMS=origins.urls)
        requests, bad, errors, text = Wrk(proxy.url, CONNECTIONS, 1).report()
        self.assertEqual((bad, errors), (requests, 0), text)
        # 5 in a row open a breaker, and all connections may be under way there when it opens: they
        # ask the next origin, whose breaker may open later.
        self.assertLessEqual(proxy.metric("reverse_proxy_attempts_total"), 3 * (5 + CONNECTIONS))
        response, _ = proxy.get()
        self.assertEqual(response.status, 503)
        self.assertIn("destination_unavailable", response.getheader("Proxy-Status"))
        self.assertIn(int(response.getheader("Retry-After")), range(1, 11))

    def test_no_get_fails_while_origins_are_restarted_one_by_one(self):
        origins = self.enterContext(Origins())
        proxy = self.start(UPSTREAMS=origins.urls, CIRCUIT_BREAKER_OPEN_MS=200)
        load = Wrk(proxy.url, 50, SECONDS + 120)
        rounds = 0
        try:
            ways = [signal.SIGTERM, signal.SIGQUIT, signal.SIGTERM]
            while ways or time.monotonic() < self.started + SECONDS:
                how = ways.pop() if ways else signal.SIGTERM
                rounds += 1
                for origin in origins.all:
                    wait_budget_full(proxy)
                    origins.restart(origin, how)
                    # As an orchestrator does: the next one only once this one serves again.
                    wait_until(lambda: eligible(proxy) == 3, "all eligible again")
        finally:
            load.stop()
            requests, bad, errors, text = load.report()
        if (bad, errors) != (0, 0):
            self.fail(f"in {rounds} rounds: " + told(proxy, text))
        self.assertGreater(requests, 1000 if not SANITIZED else 100)
        self.check_budget(proxy, requests)


if __name__ == "__main__":
    unittest.main()
