"""What is logged, and in which form (contract, sections 1 and 5)."""

import json
import socket
import threading
import unittest

from support import BOUND_SECONDS, Origin, Proxy, free_port, simple_origin

KEYS = {"ts", "level", "msg", "request_id", "trace_id", "client", "method", "path", "protocol",
        "status", "bytes_in", "bytes_out", "duration_ms", "upstream", "upstream_ms", "attempts"}


def is_access(line):
    return '"access"' in line


class JsonLog(unittest.TestCase):
    def start(self, upstream, **settings):
        return self.enterContext(Proxy(UPSTREAMS=upstream, LOG_FORMAT="json", **settings))

    def access_line(self, proxy, path):
        return json.loads(proxy.wait_line(
            lambda line: is_access(line) and json.loads(line)["path"].startswith(path)))

    def test_an_access_line_has_all_keys(self):
        origin = self.enterContext(simple_origin(b"twelve bytes"))
        proxy = self.start(origin.url)
        connection = proxy.connect()
        self.addCleanup(connection.close)
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        connection.request("POST", "/orders/7?token=s3cret", body=b"hello", headers={
            "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        response = connection.getresponse()
        response.read()
        line = self.access_line(proxy, "/orders")
        self.assertEqual(set(line), KEYS)
        self.assertEqual(line["msg"], "access")
        self.assertEqual((line["method"], line["path"], line["status"]), ("POST", "/orders/7", 200))
        self.assertEqual((line["bytes_in"], line["bytes_out"]), (5, 12))
        self.assertEqual(line["request_id"], response.getheader("X-Request-Id"))
        self.assertEqual(line["trace_id"], trace)
        self.assertEqual(line["client"], "127.0.0.1")
        self.assertEqual(line["protocol"], "HTTP/1.1")
        self.assertEqual(line["attempts"], 1)
        self.assertIn(str(origin.port), line["upstream"])
        self.assertGreaterEqual(line["duration_ms"], line["upstream_ms"])
        self.assertGreater(line["upstream_ms"], 0)

    def test_every_line_is_json(self):
        origin = self.enterContext(simple_origin())
        proxy = self.start(origin.url, LOG_LEVEL="trace")
        for path in ("/", "/%22quoted%22", "/healthz", "/\\back"):
            proxy.get(path)
        with socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS) as raw:
            raw.sendall(b"GET /\x01\x02 HTTP/1.1\r\nHost: a\r\n\r\n")
            raw.recv(65536)
        self.access_line(proxy, "/\\back")
        proxy.process.terminate()
        self.assertEqual(proxy.wait_exit(), 0)
        for line in proxy.lines:
            entry = json.loads(line)
            self.assertIn("level", entry)
            self.assertIn("msg", entry)

    def test_a_failure_names_its_error(self):
        proxy = self.start(f"http://127.0.0.1:{free_port()}", RETRY_MAX_ATTEMPTS=1)
        self.assertEqual(proxy.get("/broken")[0].status, 502)
        line = self.access_line(proxy, "/broken")
        self.assertEqual(set(line), KEYS | {"error"})
        self.assertEqual((line["status"], line["error"]), (502, "connection_refused"))

    def test_a_client_that_leaves_is_499(self):
        arrived = threading.Event()
        gone = threading.Event()

        def never_answer(connection, _):
            arrived.set()
            connection.settimeout(BOUND_SECONDS)
            if connection.recv(1) == b"":
                gone.set()

        origin = self.enterContext(Origin(never_answer))
        proxy = self.start(origin.url)
        with socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS) as client:
            client.sendall(b"GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertTrue(arrived.wait(BOUND_SECONDS))
        self.assertTrue(gone.wait(BOUND_SECONDS), "the origin works on for nobody")
        self.assertEqual(self.access_line(proxy, "/left")["status"], 499)

    def test_the_client_is_the_rightmost_untrusted_address(self):
        origin = self.enterContext(simple_origin())
        proxy = self.start(origin.url, TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")
        proxy.get("/chain", {"X-Forwarded-For": "203.0.113.66, 198.51.100.7, 10.1.2.3"})
        self.assertEqual(self.access_line(proxy, "/chain")["client"], "198.51.100.7")

    def test_the_query_is_logged_only_where_asked_for(self):
        origin = self.enterContext(simple_origin())
        proxy = self.start(origin.url, ACCESS_LOG_QUERY="true")
        proxy.get("/search?q=x")
        self.assertEqual(self.access_line(proxy, "/search")["path"], "/search?q=x")

    def test_the_start_line_says_what_runs(self):
        origin = self.enterContext(simple_origin())
        proxy = self.start(origin.url, MAX_IN_FLIGHT=77, METRICS_BEARER_TOKEN="s3cret", WORKERS=2)
        line = proxy.wait_line(lambda text: origin.url in text)
        for expected in (str(proxy.port), "MAX_IN_FLIGHT", "METRICS_BEARER_TOKEN", "workers"):
            self.assertIn(expected, line)
        self.assertNotIn("s3cret", proxy.output)
        json.loads(line)


class TextLog(unittest.TestCase):
    def test_one_line_a_request_and_no_forged_ones(self):
        origin = self.enterContext(simple_origin())
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url))
        proxy.get("/plain%0aforged")
        line = proxy.wait_line(lambda text: "/plain" in text)
        self.assertIn("/plain%0aforged", line)
        self.assertIn("200", line)

    def test_the_access_log_can_be_off(self):
        origin = self.enterContext(simple_origin())
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url, ACCESS_LOG="false"))
        proxy.get("/silent")
        proxy.process.terminate()
        self.assertEqual(proxy.wait_exit(), 0)
        self.assertNotIn("/silent", proxy.output)


if __name__ == "__main__":
    unittest.main()
