"""Every change of an endpoint's health or breaker is one log line that says which, from what, to
what and why (contract, section 4)."""

import json
import threading
import unittest

from support import Origin, Proxy, free_port, simple_origin, wait_until

CHANGES = ("endpoint health changed", "breaker changed")


def changes(proxy):
    """@return [(msg, endpoint, from, to)] in the order of the log"""
    lines = [json.loads(line) for line in list(proxy.lines) if line.startswith("{")]
    for line in lines:
        if line["msg"] in CHANGES:
            assert line["why"], line
    return [(line["msg"], line["endpoint"], line["from"], line["to"])
            for line in lines if line["msg"] in CHANGES]


class Transitions(unittest.TestCase):
    def start(self, **settings):
        return self.enterContext(Proxy(LOG_FORMAT="json", ACCESS_LOG="false", **settings))

    def test_of_a_breaker(self):
        well = threading.Event()

        def answer(connection, _):
            status = b"200 OK" if well.is_set() else b"503 No"
            connection.sendall(b"HTTP/1.1 " + status +
                               b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

        origin = self.enterContext(Origin(answer))
        proxy = self.start(UPSTREAMS=origin.url, RETRY_MAX_ATTEMPTS=1, WORKERS=2,
                           CIRCUIT_BREAKER_FAILURE_THRESHOLD=3, CIRCUIT_BREAKER_OPEN_MS=200)
        endpoint = f"127.0.0.1:{origin.port}"
        for _ in range(3):
            self.assertEqual(proxy.get()[0].status, 503)

        def state():
            upstreams = json.loads(proxy.get("/healthz?check=upstream")[1])["upstreams"]
            return upstreams[0]["breaker"]

        wait_until(lambda: state() == "half_open", "half open")
        self.assertEqual(proxy.get()[0].status, 503)  # the probe fails
        wait_until(lambda: state() == "half_open", "half open again")
        well.set()
        self.assertEqual(proxy.get()[0].status, 200)
        self.assertEqual(state(), "closed")
        expected = [("breaker changed", endpoint, *step) for step in (
            ("closed", "open"), ("open", "half_open"), ("half_open", "open"),
            ("open", "half_open"), ("half_open", "closed"))]
        wait_until(lambda: len(changes(proxy)) >= len(expected), "all lines are written")
        self.assertEqual(changes(proxy), expected)
        self.assertEqual(proxy.metric("reverse_proxy_breaker_transitions_total"), len(expected))

    def test_of_health(self):
        port = free_port()
        endpoint = f"127.0.0.1:{port}"
        proxy = self.start(UPSTREAMS=f"http://{endpoint}", HEALTHCHECK="true",
                           HEALTHCHECK_INTERVAL_SECS=1, HEALTHCHECK_UNHEALTHY_THRESHOLD=1,
                           HEALTHCHECK_HEALTHY_THRESHOLD=1, WORKERS=2)
        down = ("endpoint health changed", endpoint, "healthy", "unhealthy")
        wait_until(lambda: changes(proxy) == [down], "unhealthy")
        self.assertEqual(proxy.get("/readyz")[0].status, 503)
        self.enterContext(simple_origin(port=port))
        up = ("endpoint health changed", endpoint, "unhealthy", "healthy")
        wait_until(lambda: changes(proxy) == [down, up], "healthy again")
        self.assertEqual(proxy.get()[0].status, 200)
        self.assertEqual(changes(proxy), [down, up])

    def test_of_failing_open(self):
        proxy = self.start(UPSTREAMS=f"http://127.0.0.1:{free_port()}", HEALTHCHECK="true",
                           HEALTHCHECK_UNHEALTHY_THRESHOLD=1, FAIL_OPEN="true")
        line = json.loads(proxy.wait_line(lambda text: "failing open" in text))
        self.assertEqual(line["level"], "warn")
        wait_until(lambda: proxy.metric("reverse_proxy_fail_open") == 1, "the gauge")


if __name__ == "__main__":
    unittest.main()
