"""An OpenTelemetry collector of the tests' own, and a strict reader of what it is sent."""

import http.server
import json
import re
import threading
import time

KINDS = {2: "SERVER", 3: "CLIENT"}
STATUS_ERROR = 2
UINT64 = re.compile(r"(0|[1-9][0-9]{0,19})$")
INT64 = re.compile(r"-?(0|[1-9][0-9]{0,18})$")
SPAN_KEYS = {"traceId", "spanId", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano",
             "endTimeUnixNano", "attributes", "status"}
# The names of OpenTelemetry's stable HTTP conventions that spans may carry, and their types.
ATTRIBUTES = {
    "http.request.method": str, "http.request.method_original": str,
    "http.response.status_code": int, "http.request.resend_count": int, "error.type": str,
    "url.path": str, "url.query": str, "url.scheme": str, "url.full": str,
    "server.address": str, "server.port": int, "client.address": str,
    "network.peer.address": str, "network.protocol.version": str, "user_agent.original": str,
}
REQUIRED = {
    "SERVER": {"http.request.method", "url.path", "url.scheme", "network.protocol.version"},
    "CLIENT": {"http.request.method", "url.full", "server.address", "server.port",
               "network.protocol.version"},
}


class Malformed(Exception):
    """The export is not what opentelemetry-proto and the HTTP conventions describe."""


def must(condition, what):
    if not condition:
        raise Malformed(what)


def keys(value, required, optional=()):
    must(isinstance(value, dict), f"no object: {value!r}")
    must(required <= value.keys() <= required | set(optional), f"keys {sorted(value)}")


def attributes(items):
    """{key: value} of a list of KeyValue."""
    read = {}
    must(isinstance(items, list), f"no list of attributes: {items!r}")
    for item in items:
        keys(item, {"key", "value"})
        must(isinstance(item["key"], str) and item["key"] not in read, f"key {item['key']!r}")
        must(isinstance(item["value"], dict) and len(item["value"]) == 1, f"value of {item}")
        (kind, value), = item["value"].items()
        must(isinstance(value, str), f"{kind} is no string: {value!r}")
        must(kind in ("stringValue", "intValue"), f"{kind} of {item['key']}")
        if kind == "intValue":
            must(INT64.match(value), f"intValue {value!r}")
            value = int(value)
        read[item["key"]] = value
    return read


class Span:
    """One span, read strictly."""

    def __init__(self, span):
        keys(span, SPAN_KEYS - {"parentSpanId", "status"}, {"parentSpanId", "status"})
        for key, digits in (("traceId", 32), ("spanId", 16), ("parentSpanId", 16)):
            value = span.get(key, "1" * digits)
            must(isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", value) and
                 value.strip("0"), f"{key} {value!r}")
        self.trace, self.id, self.parent = span["traceId"], span["spanId"], span.get("parentSpanId")
        must(type(span["kind"]) is int and span["kind"] in KINDS, f"kind {span['kind']!r}")
        self.kind = KINDS[span["kind"]]
        must(type(span["flags"]) is int and span["flags"] & 0x101 == 0x101,
             f"flags {span['flags']!r}")
        self.remote_parent = span["flags"] & 0x200 != 0
        for key in ("startTimeUnixNano", "endTimeUnixNano"):
            must(isinstance(span[key], str) and UINT64.match(span[key]), f"{key} {span[key]!r}")
        self.start, self.end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        must(self.start <= self.end, "ends before it starts")
        must(abs(time.time() - self.end / 1e9) < 3600, f"of another day: {self.end}")
        self.failed = "status" in span
        if self.failed:
            must(span["status"] == {"code": STATUS_ERROR}, f"status {span['status']!r}")
        self.attributes = attributes(span["attributes"])
        for key, value in self.attributes.items():
            must(type(value) is ATTRIBUTES.get(key), f"attribute {key}={value!r}")
        must(REQUIRED[self.kind] <= self.attributes.keys(), f"lacks of {self.attributes}")
        must(self.failed == ("error.type" in self.attributes), "error.type and status disagree")
        method = self["http.request.method"]
        must(span["name"] == ("HTTP" if method == "_OTHER" else method), f"name {span['name']!r}")

    def __getitem__(self, key):
        return self.attributes.get(key)

    def __repr__(self):
        return f"{self.kind} {self.trace}/{self.id} of {self.parent}: {self.attributes}"


def read_export(content):
    """@return (resource's attributes, spans) of an ExportTraceServiceRequest"""
    request = json.loads(content.decode("utf-8", "strict"))
    keys(request, {"resourceSpans"})
    (resource_spans,) = request["resourceSpans"]
    keys(resource_spans, {"resource", "scopeSpans"})
    keys(resource_spans["resource"], {"attributes"})
    (scope_spans,) = resource_spans["scopeSpans"]
    keys(scope_spans, {"scope", "spans"})
    keys(scope_spans["scope"], {"name", "version"})
    must(scope_spans["spans"], "an export without spans")
    return (attributes(resource_spans["resource"]["attributes"]),
            [Span(span) for span in scope_spans["spans"]])


class Collector:
    """Takes exports on a free port. `answer(number)` gives (status, fields, content) for the export
    of that number (0, 1, ...), or None to say nothing at all."""

    def __init__(self, answer=lambda number: (200, {}, b"{}"), path="/v1/traces", port=0):
        self.exports = []  # (fields, resource, spans)
        self.faults = []
        self.connections = 0
        self._changed = threading.Condition()
        self.silent = threading.Event()  # set at the end, for answers that are None
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                collector.connections += 1

            def do_POST(self):  # noqa: N802
                content = self.rfile.read(int(self.headers["Content-Length"]))
                number = collector.take(self.path == path, self.headers, content)
                answered = answer(number)
                if answered is None:
                    collector.silent.wait(60)
                    self.close_connection = True
                    return
                status, fields, body = answered
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,),
                                        daemon=True)

    def take(self, right_path, fields, content):
        with self._changed:
            try:
                must(right_path, "not the path")
                must(fields["Content-Type"] == "application/json", fields["Content-Type"])
                resource, spans = read_export(content)
                self.exports.append((fields, resource, spans))
            except Exception as fault:  # told by the test, not by the handler's thread
                self.faults.append(fault)
            self._changed.notify_all()
            return len(self.exports) - 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.silent.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self):
        if self.faults:
            raise self.faults[0]
        return [span for _, _, spans in self.exports for span in spans]

    def wait(self, condition, what, bound=20):
        """Until `condition(spans so far)`; gives the spans."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.faults or condition(self.spans()), bound):
                raise AssertionError(f"not within {bound} s: {what}; there are {self.spans()}")
            return self.spans()
