"""Spans as an OpenTelemetry collector gets them."""

import contextlib
import json
import threading
import time
import unittest

from otlp import Collector
from support import BOUND_SECONDS, Directory, Origin, Proxy, free_port, run, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
OUTCOME = 'reverse_proxy_trace_spans_total{outcome="%s"}'


def traceparent_of(head):
    for line in head.decode("latin-1").split("\r\n"):
        if line.lower().startswith("traceparent:"):
            return line.split(":", 1)[1].strip()
    return None


class Recorder(Origin):
    """Answers each request with what `statuses` says, then with 200; remembers the heads."""

    def __init__(self, statuses=()):
        self.heads = []
        left = list(statuses)
        lock = threading.Lock()

        def answer(connection, received):
            with lock:
                self.heads.append(received)
                status = left.pop(0) if left else 200
            if status is not None:
                connection.sendall(b"HTTP/1.1 %d x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
                                   b"ok" % status)

        super().__init__(answer)

    @property
    def parents(self):
        return [traceparent_of(head) for head in self.heads]


def metric(proxy, outcome):
    return proxy.metric(OUTCOME % outcome)


class Traces(unittest.TestCase):
    def start(self, origin, collector, **settings):
        url = collector if isinstance(collector, str) else collector.url
        return self.enterContext(Proxy(UPSTREAMS=origin.url, OTLP_ENDPOINT=url, WORKERS=1,
                                       **settings))

    def one(self, spans, kind):
        found = [span for span in spans if span.kind == kind]
        self.assertEqual(len(found), 1, spans)
        return found[0]

    def test_a_request_and_its_attempt(self):
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector())
        proxy = self.start(origin, collector)
        before = time.time_ns()
        response, _ = proxy.get("/users/42?token=s3cr3t", {
            "traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b", "User-Agent": "tests/1",
            "Host": "shop.example:8443", "Authorization": "Bearer s3cr3t"})
        self.assertEqual(response.status, 200)
        spans = collector.wait(lambda spans: len(spans) == 2, "two spans")
        server, client = self.one(spans, "SERVER"), self.one(spans, "CLIENT")
        self.assertEqual((server.trace, server.parent, server.remote_parent),
                         (TRACE, PARENT, True))
        self.assertEqual((client.trace, client.parent, client.remote_parent),
                         (TRACE, server.id, False))
        self.assertEqual(origin.parents, [f"00-{TRACE}-{client.id}-01"])
        self.assertIn(b"tracestate: a=b", origin.heads[0])
        self.assertLessEqual(server.start, client.start)
        self.assertLessEqual(client.end, server.end)
        self.assertLess(abs(server.start - before), 5e9)
        self.assertEqual(server.attributes, {
            "http.request.method": "GET", "url.path": "/users/42", "url.scheme": "http",
            "server.address": "shop.example", "server.port": 8443, "client.address": "127.0.0.1",
            "network.protocol.version": "1.1", "user_agent.original": "tests/1",
            "http.response.status_code": 200})
        self.assertEqual(client.attributes, {
            "http.request.method": "GET", "url.full": origin.url + "/users/42",
            "server.address": "127.0.0.1", "server.port": origin.port,
            "network.peer.address": "127.0.0.1", "network.protocol.version": "1.1",
            "http.response.status_code": 200})
        resource = collector.exports[0][1]
        self.assertEqual(resource["service.name"], "reverse-proxy")
        self.assertEqual(resource["service.version"], run("--version").stdout.split()[1])
        self.assertRegex(resource["service.instance.id"], r"^[0-9a-f-]{36}$")
        wait_until(lambda: metric(proxy, "exported") == 2, "both counted")
        self.assertEqual(metric(proxy, "failed") + metric(proxy, "dropped"), 0)

    def test_the_query_is_there_where_the_log_may_have_it(self):
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector())
        self.start(origin, collector, ACCESS_LOG_QUERY="true").get("/a?b=c")
        spans = collector.wait(lambda spans: len(spans) == 2, "two spans")
        self.assertEqual(self.one(spans, "SERVER")["url.query"], "b=c")
        self.assertEqual(self.one(spans, "CLIENT")["url.full"], origin.url + "/a?b=c")

    def test_each_retry_is_an_attempt_with_an_id_of_its_own(self):
        origin = self.enterContext(Recorder([503, None]))
        collector = self.enterContext(Collector())
        proxy = self.start(origin, collector, CIRCUIT_BREAKER="false", RETRY_BACKOFF_BASE_MS=0)
        self.assertEqual(proxy.get()[0].status, 200)
        spans = collector.wait(lambda spans: len(spans) == 4, "four spans")
        server = self.one(spans, "SERVER")
        attempts = [span for span in spans if span.kind == "CLIENT"]
        self.assertIsNone(server.parent)
        self.assertFalse(server.remote_parent)
        self.assertEqual({span.parent for span in attempts}, {server.id})
        self.assertEqual(len({span.id for span in spans}), 4)
        self.assertEqual(origin.parents, [f"00-{server.trace}-{span.id}-01" for span in attempts])
        self.assertEqual([span["http.request.resend_count"] for span in attempts], [None, 1, 2])
        self.assertEqual([span["error.type"] for span in attempts],
                         ["503", "connection_terminated", None])
        self.assertEqual([span["http.response.status_code"] for span in attempts],
                         [503, None, 200])
        self.assertFalse(server.failed)

    def test_what_counts_as_an_error(self):
        """4xx is the client's error in an attempt alone; what the proxy says itself has a type."""
        origin = self.enterContext(Recorder([404, 500]))
        collector = self.enterContext(Collector())
        proxy = self.start(origin, collector, CIRCUIT_BREAKER="false", RETRY_MAX_ATTEMPTS=1)
        for path in ("/404", "/500"):
            proxy.get(path)
        gone = free_port()
        dead = self.enterContext(Proxy(
            UPSTREAMS=f"http://127.0.0.1:{gone}", OTLP_ENDPOINT=collector.url, WORKERS=1,
            CIRCUIT_BREAKER="false", RETRY_MAX_ATTEMPTS=1))
        dead.get("/dead")
        spans = collector.wait(lambda spans: len(spans) == 6, "six spans")
        told = {(span.kind, (span["url.path"] or span["url.full"]).rsplit("/", 1)[1]):
                (span["http.response.status_code"], span["error.type"]) for span in spans}
        self.assertEqual(told, {
            ("SERVER", "404"): (404, None), ("CLIENT", "404"): (404, "404"),
            ("SERVER", "500"): (500, "500"), ("CLIENT", "500"): (500, "500"),
            ("SERVER", "dead"): (502, "connection_refused"),
            ("CLIENT", "dead"): (None, "connection_refused")})

    def test_methods_and_texts_of_any_kind(self):
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector())
        proxy = self.start(origin, collector)
        with contextlib.closing(proxy.connect()) as connection:
            connection.putrequest("BREW", "/%7e/" + "a" * 4000)
            connection.putheader("User-Agent", b"\xff\xfe\"\\\x7e" + b"u" * 400)
            connection.endheaders()
            connection.getresponse().read()
        spans = collector.wait(lambda spans: len(spans) == 2, "two spans")
        server = self.one(spans, "SERVER")
        self.assertEqual(server["http.request.method"], "_OTHER")
        self.assertEqual(server["http.request.method_original"], "BREW")
        self.assertEqual(len(server["url.path"]), 2048)
        self.assertEqual(server["user_agent.original"], "\ufffd\ufffd\"\\~" + "u" * 251)

    def test_what_is_not_sampled_makes_no_span(self):
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector())
        proxy = self.start(origin, collector)
        proxy.get("/not", {"traceparent": f"00-{TRACE}-{PARENT}-00"})
        proxy.get("/healthz")
        proxy.get("/yes")
        spans = collector.wait(lambda spans: len(spans) >= 2, "the sampled request's spans")
        self.assertEqual(len(spans), 2)
        self.assertEqual(self.one(spans, "SERVER")["url.path"], "/yes")
        self.assertTrue(origin.parents[0].startswith(f"00-{TRACE}-"))
        self.assertEqual([parent[-2:] for parent in origin.parents], ["00", "01"])

    def test_a_share_of_requests(self):
        """With a share of 0 a trusted peer's wish alone counts."""
        sampled = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        for trusted, flags in (("", ["00", "00"]), ("127.0.0.1", ["00", "01"])):
            origin = self.enterContext(Recorder())
            collector = self.enterContext(Collector())
            proxy = self.start(origin, collector, TRACE_SAMPLE_PERCENT=0, TRUSTED_PROXIES=trusted)
            proxy.get("/made")
            proxy.get("/asked", sampled)
            self.assertEqual([parent[-2:] for parent in origin.parents], flags)
            proxy.process.terminate()
            proxy.wait_exit()
            self.assertEqual(len(collector.spans()), 2 if trusted else 0)

    def test_refused_and_partly_refused_exports_are_counted(self):
        partial = json.dumps({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "no"}})
        answers = [(500, {}, b""), (200, {}, partial.encode()), (200, {}, b"not json")]
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector(lambda number: answers[number]))
        proxy = self.start(origin, collector)
        for exported, failed in ((0, 2), (1, 3), (3, 3)):
            proxy.get()
            wait_until(lambda: (metric(proxy, "exported"), metric(proxy, "failed")) ==
                       (exported, failed), f"{exported} exported and {failed} failed")
        self.assertEqual(len(collector.exports), 3)  # 500 is not tried again
        self.assertEqual(collector.connections, 1)
        warnings = [line for line in proxy.lines if "spans are not exported" in line]
        self.assertEqual(len(warnings), 1, proxy.output)

    def test_busy_collectors_are_tried_again(self):
        answers = [(503, {"Retry-After": "1"}, b""), (429, {}, b""), (200, {}, b"{}")]
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector(lambda number: answers[number]))
        proxy = self.start(origin, collector)
        proxy.get()
        wait_until(lambda: metric(proxy, "exported") == 2, "exported after all")
        ids = [[span.id for span in spans] for _, _, spans in collector.exports]
        self.assertEqual(ids, [ids[0]] * 3)
        self.assertEqual(metric(proxy, "failed"), 0)

    def test_a_collector_that_is_down_is_given_up_on_and_used_once_it_is_back(self):
        origin = self.enterContext(Recorder())
        port = free_port()
        proxy = self.start(origin, f"http://127.0.0.1:{port}/custom/path")
        self.assertEqual(proxy.get()[0].status, 200)
        wait_until(lambda: metric(proxy, "failed") == 2, "given up on")
        collector = self.enterContext(Collector(path="/custom/path", port=port))
        proxy.get()
        wait_until(lambda: metric(proxy, "exported") == 2, "exported")
        self.assertEqual(len(collector.spans()), 2)
        proxy.wait_line(lambda line: "spans are exported again" in line)

    def test_a_collector_that_says_nothing_costs_requests_nothing(self):
        """The rings fill and drop; an end of the process does not wait for the collector."""
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector(lambda number: None))
        proxy = self.start(origin, collector)
        proxy.get()
        collector.wait(lambda spans: spans, "the first export, which is never answered")
        path = "/" + "x" * 2047
        slowest = 0.0
        while metric(proxy, "dropped") == 0:
            started = time.monotonic()
            for _ in range(50):
                self.assertEqual(proxy.get(path)[0].status, 200)
            slowest = max(slowest, time.monotonic() - started)
        self.assertLess(slowest, BOUND_SECONDS)
        self.assertEqual(metric(proxy, "exported"), 0)
        proxy.process.terminate()
        started = time.monotonic()
        self.assertEqual(proxy.wait_exit(), 0)
        self.assertLess(time.monotonic() - started, BOUND_SECONDS)

    def test_the_end_sends_what_is_left(self):
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector())
        proxy = self.start(origin, collector)
        started = time.monotonic()
        for number in range(20):
            proxy.get(f"/{number}")
        proxy.process.terminate()
        self.assertEqual(proxy.wait_exit(), 0)
        self.assertEqual(len(collector.spans()), 40)
        # In batches, each of a second.
        self.assertLessEqual(len(collector.exports), 3 + time.monotonic() - started)

    def test_fields_for_the_collector_are_a_secret(self):
        origin = self.enterContext(Recorder())
        collector = self.enterContext(Collector())
        folder = self.enterContext(Directory())
        secret = folder / "fields"
        secret.write_text("authorization=Bearer%20s3cr3t,x-scope = a=b\n", encoding="ascii")
        proxy = self.start(origin, collector, OTLP_HEADERS_FILE=secret, LOG_LEVEL="trace")
        proxy.get()
        collector.wait(lambda spans: len(spans) == 2, "two spans")
        fields = collector.exports[0][0]
        self.assertEqual((fields["Authorization"], fields["X-Scope"]), ("Bearer s3cr3t", "a=b"))
        self.assertNotIn("s3cr3t", proxy.output)
        printed = run("--print-config", UPSTREAMS=origin.url, OTLP_HEADERS="a=s3cr3t").stdout
        self.assertEqual(json.loads(printed)["REVERSE_PROXY_OTLP_HEADERS"], "***")
        self.assertNotIn("s3cr3t", printed)

    def test_credentials_in_the_address_are_refused(self):
        ended = run("--check-config", UPSTREAMS="http://127.0.0.1:1",
                    OTLP_ENDPOINT="http://user:s3cr3t@127.0.0.1:4318")
        self.assertEqual(ended.returncode, 78)
        self.assertIn("REVERSE_PROXY_OTLP_ENDPOINT: holds a user name or password", ended.stderr)
        self.assertNotIn("s3cr3t", ended.stderr)

    def test_off_means_off(self):
        origin = self.enterContext(Recorder())
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url))
        proxy.get("/", {"traceparent": f"00-{TRACE}-{PARENT}-00"})
        proxy.get("/")
        self.assertEqual([parent[-2:] for parent in origin.parents], ["00", "01"])
        self.assertEqual(proxy.metric("reverse_proxy_trace_spans_total"), 0)


if __name__ == "__main__":
    unittest.main()
