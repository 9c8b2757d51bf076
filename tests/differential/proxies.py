"""The proxies under comparison, each a process in front of a recording origin of its own."""

import pathlib
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e"))

from strict_reader import Incomplete, Malformed, read_request  # noqa: E402
from support import (BOUND_SECONDS, Directory, Proxy, end, free_port, tool,  # noqa: E402
                     wait_listening)

WAIT_SECONDS = 1  # how long a proxy waits for the rest of a message


class Connection:
    """What one connection to the origin brought."""

    def __init__(self):
        self.raw = b""
        self.requests = []  # whole ones, by the strict reader
        self.fault = None  # why the reader refused what came next
        self.rest = b""  # the beginning of a request that never ended


class RecordingOrigin:
    """Keeps every byte it gets, answers each request that a strict reader accepts, and says 400 to
    all else."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._connections = []
        self._open = set()
        self._newest = None  # address of the connection accepted last
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_connections()

    def _accept(self):
        while True:
            try:
                peer, address = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._open.add(peer)
                self._newest = address
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        seen = Connection()
        try:
            self._converse(peer, seen)
        except OSError:
            pass  # the proxy has gone
        finally:
            with self._changed:
                self._open.discard(peer)
                self._changed.notify_all()
            peer.close()

    def _converse(self, peer, seen):
        while True:
            piece = peer.recv(65536)
            if not piece:
                return
            with self._changed:
                if not seen.raw:
                    self._connections.append(seen)
                seen.raw += piece
                seen.rest += piece
            while seen.rest:
                try:
                    request, rest = read_request(seen.rest)
                except Incomplete:
                    # Who asks first is answered, or the content would never come.
                    if re.search(rb"\r\nexpect:[ \t]*100-continue\r\n", seen.rest, re.IGNORECASE):
                        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    break
                except Malformed as fault:
                    with self._changed:
                        seen.fault = str(fault)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nX-Origin: refuses\r\n"
                                 b"Connection: close\r\nContent-Length: 0\r\n\r\n")
                    return
                with self._changed:
                    seen.requests.append(request)
                    seen.rest = rest
                peer.sendall(b"HTTP/1.1 200 OK\r\nX-Origin: yes\r\nContent-Length: 2\r\n\r\n"
                             + (b"" if request.method == b"HEAD" else b"ok"))

    def end_connections(self):
        """Closes what is open, so that the next case begins anew, and waits until it is."""
        with self._changed:
            for peer in self._open:
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            if not self._changed.wait_for(lambda: not self._open, BOUND_SECONDS):
                raise AssertionError("connections of the origin do not end")

    def take(self):
        """The connections since the last call, all of them ended."""
        # The kernel hands connections out in their order: once this one is here, those of the
        # proxy are too.
        with socket.create_connection(("127.0.0.1", self.port), BOUND_SECONDS) as last:
            mine = last.getsockname()
            with self._changed:
                if not self._changed.wait_for(lambda: self._newest == mine, BOUND_SECONDS):
                    raise AssertionError("the origin does not accept")
        self.end_connections()
        with self._changed:
            taken, self._connections = self._connections, []
        return taken


class Answer:
    """What the client saw until its connection was closed."""

    def __init__(self, raw):
        self.raw = raw
        heads = re.findall(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)", raw)
        final = [(int(status), b"x-origin:" in fields.lower()) for status, fields in heads
                 if not status.startswith(b"1")]
        self.own = [status for status, of_origin in final if not of_origin]
        self.of_origin = [status for status, of_origin in final if of_origin]


class Outcome:
    def __init__(self, answer, connections):
        self.answer = answer
        self.connections = connections
        whole = [request for seen in connections for request in seen.requests]
        self.seconds = [r for r in whole if r.target.startswith(b"/second")]
        self.requests = [r for r in whole if not r.target.startswith(b"/second")]
        self.faults = [seen.fault for seen in connections if seen.fault]
        self.begun = any(seen.rest for seen in connections)

    @property
    def passed(self):
        return bool(self.requests or self.faults)

    @property
    def word(self):
        """As the table in docs/conformance.md says it."""
        if self.faults:
            return "passes, malformed"
        if len(self.requests) > 1:
            return f"passes {len(self.requests)} requests"
        if self.requests:
            return "passes"
        return str(self.answer.own[0]) if self.answer.own else "closes"


SECOND = b"GET /second HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n"


def send(port, raw):
    """Sends the bytes and a good request behind them; reads until the proxy closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), BOUND_SECONDS) as client:
        try:
            client.sendall(raw + SECOND)
            while piece := client.recv(65536):
                received += piece
        except ConnectionError:
            pass  # reset: what came before it counts
    return Answer(received)


class Nginx:
    """nginx as its manual shows it, with short time-outs."""

    name = "nginx"

    def __init__(self, origin_port):
        self.port = free_port()
        self._origin = origin_port
        self._directory = Directory()
        self._process = None

    @staticmethod
    def version():
        done = subprocess.run([tool("nginx"), "-v"], capture_output=True, text=True, check=True)
        return re.search(r"nginx/([\d.]+)", done.stderr)[1]

    def __enter__(self):
        program = tool("nginx")
        path = self._directory.__enter__()
        path.chmod(0o755)
        temporary = "".join(f"{kind}_temp_path {path}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (path / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {path}/nginx.pid; error_log {path}/error.log;
            events {{ worker_connections 256; }}
            http {{
              access_log off; {temporary}
              client_header_timeout {WAIT_SECONDS}s; client_body_timeout {WAIT_SECONDS}s;
              keepalive_timeout {WAIT_SECONDS}s; lingering_timeout {WAIT_SECONDS}s;
              proxy_read_timeout 5s;
              upstream origin {{ server 127.0.0.1:{self._origin} max_fails=0; keepalive 4; }}
              server {{
                listen 127.0.0.1:{self.port};
                location / {{
                  proxy_pass http://origin; proxy_http_version 1.1; proxy_next_upstream off;
                  proxy_set_header Connection ""; proxy_set_header Host $host;
                  proxy_set_header X-Forwarded-For $remote_addr;
                }}
              }}
            }}""", encoding="utf-8")
        self._process = subprocess.Popen(
            [program, "-c", str(path / "nginx.conf"), "-p", str(path)], stderr=subprocess.DEVNULL)
        wait_listening(self._process, self.port)
        return self

    def __exit__(self, *_):
        if self._process:
            end(self._process)
        self._directory.__exit__()


class Haproxy:
    """HAProxy as its manual shows it, with short time-outs."""

    name = "HAProxy"

    def __init__(self, origin_port):
        self.port = free_port()
        self._origin = origin_port
        self._directory = Directory()
        self._process = None

    @staticmethod
    def version():
        done = subprocess.run([tool("haproxy"), "-v"], capture_output=True, text=True, check=True)
        return re.search(r"version ([\d.]+)", done.stdout)[1]

    def __enter__(self):
        program = tool("haproxy")
        path = self._directory.__enter__()
        (path / "haproxy.cfg").write_text(f"""
global
    maxconn 256
defaults
    mode http
    timeout connect 2s
    timeout client {WAIT_SECONDS}s
    timeout http-request {WAIT_SECONDS}s
    timeout http-keep-alive {WAIT_SECONDS}s
    timeout server 5s
    retries 0
frontend main
    bind 127.0.0.1:{self.port}
    option forwardfor
    default_backend origin
backend origin
    server origin 127.0.0.1:{self._origin}
""", encoding="utf-8")
        self._process = subprocess.Popen([program, "-db", "-f", str(path / "haproxy.cfg")],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_listening(self._process, self.port)
        return self

    def __exit__(self, *_):
        if self._process:
            end(self._process)
        self._directory.__exit__()


class Ours:
    name = "reverse-proxy"

    def __init__(self, origin_port):
        milliseconds = WAIT_SECONDS * 1000
        self._proxy = Proxy(UPSTREAMS=f"http://127.0.0.1:{origin_port}", RETRY_MAX_ATTEMPTS=1,
                            CIRCUIT_BREAKER="false", ACCESS_LOG="false",
                            CLIENT_HEADER_TIMEOUT_MS=milliseconds,
                            CLIENT_IDLE_TIMEOUT_MS=milliseconds,
                            STREAM_IDLE_TIMEOUT_MS=milliseconds)
        self.port = self._proxy.port

    def __enter__(self):
        self._proxy.__enter__()
        return self

    def __exit__(self, *_):
        self._proxy.__exit__()


def run(kind, cases):
    """Every case through one proxy. @return Outcomes in the order of the cases"""
    with RecordingOrigin() as origin, kind(origin.port) as proxy:
        send(proxy.port, b"")  # the first connection is not measured: it warms nothing up but us
        origin.take()
        outcomes = []
        for case in cases:
            answer = send(proxy.port, case.raw)
            outcomes.append(Outcome(answer, origin.take()))
        return outcomes


def run_all(kinds, cases):
    """Side by side, as each has an origin of its own. @return {name: outcomes}"""
    outcomes = {}
    failures = []

    def one(kind):
        try:
            outcomes[kind.name] = run(kind, cases)
        except BaseException as failure:  # shown by the caller
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return outcomes
