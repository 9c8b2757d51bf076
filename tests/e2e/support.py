"""What the end-to-end tests share: the daemon as a process, origins, tools. Standard library only.

The binary is named by the environment variable REVERSE_PROXY_BINARY. Every wait is bounded.
"""

import http.client
import os
import pathlib
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import unittest

from ports import free_port

BOUND_SECONDS = 20
SANITIZED = os.environ.get("REVERSE_PROXY_SANITIZED", "0") in ("1", "ON", "TRUE")


def binary():
    path = os.environ.get("REVERSE_PROXY_BINARY")
    if not path:
        raise RuntimeError("REVERSE_PROXY_BINARY does not say which binary to test")
    return path


def tool(name):
    """Path of a program; without it the test is skipped, or fails where CI is set."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path:
        return path
    if os.environ.get("CI"):
        raise AssertionError(f"{name} is not installed, and CI must not skip")
    raise unittest.SkipTest(f"{name} is not installed")


def environment(settings):
    """This process's environment, all REVERSE_PROXY_ variables replaced by `settings`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REVERSE_PROXY_")}
    return kept | {f"REVERSE_PROXY_{name}": str(value) for name, value in settings.items()}


def run(*arguments, **settings):
    """Runs the binary to its end."""
    return subprocess.run([binary(), *arguments], env=environment(settings), text=True,
                          capture_output=True, timeout=BOUND_SECONDS, check=False)


def end(process):
    """Ends a process of ours, politely and then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(BOUND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def wait_listening(process, port, address="127.0.0.1"):
    """Until somebody accepts on the port; an end of the process is noticed at once."""
    deadline = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, port), timeout=BOUND_SECONDS).close()
            return
        except OSError:
            pass
        try:
            code = process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"{process.args} ended with {code} before it listened")
    raise AssertionError(f"nobody listens on {address}:{port}")


def wait_until(condition, what, bound=BOUND_SECONDS):
    """Asks again and again; for what can be seen from outside alone (a scrape, /proc)."""
    deadline = time.monotonic() + bound
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {bound} s: {what}")
        threading.Event().wait(0.01)


class Proxy:
    """The daemon as a process, listening on a free port; its output is read line by line.
    `shell` is a command that ends by running the daemon as "$0" "$@"."""

    def __init__(self, *arguments, shell=None, **settings):
        self.port = free_port()
        self.lines = []
        self._new_line = threading.Condition()
        settings = {"LISTEN": f"127.0.0.1:{self.port}"} | settings
        command = [*(["sh", "-c", shell] if shell else []), binary(), *arguments]
        self.process = subprocess.Popen(command, env=environment(settings),
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()

    def __enter__(self):
        try:
            wait_listening(self.process, self.port)
        except BaseException as error:
            self.__exit__()
            error.add_note(self.output)
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(BOUND_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(BOUND_SECONDS)
        self.process.stdout.close()

    def _read_lines(self):
        for line in self.process.stdout:
            with self._new_line:
                self.lines.append(line.rstrip("\n"))
                self._new_line.notify_all()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self):
        return "\n".join(self.lines)

    def wait_line(self, matches):
        """The first line of the output, past or to come, for which `matches` is true."""
        deadline = time.monotonic() + BOUND_SECONDS
        with self._new_line:
            seen = 0
            while True:
                for line in self.lines[seen:]:
                    if matches(line):
                        return line
                seen = len(self.lines)
                if not self._new_line.wait(deadline - time.monotonic()):
                    raise AssertionError("no such line in:\n" + "\n".join(self.lines))

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=BOUND_SECONDS)

    def get(self, path="/", headers=None):
        """@return (response, content) of a GET on a connection of its own"""
        connection = self.connect()
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def metric(self, name):
        """Sum of all samples of this name, with or without labels."""
        total = 0.0
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.startswith((name + " ", name + "{")):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def wait_exit(self):
        """@return its exit code, once all of its output is in `lines`"""
        code = self.process.wait(BOUND_SECONDS)
        self._reader.join(BOUND_SECONDS)
        return code

    def memory(self, key="VmRSS"):
        """Bytes of resident memory; VmHWM is its peak."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        for line in status.splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {key} in /proc")


class Origin:
    """An origin in this process: `handle(socket, first_bytes)` is called once per connection with
    all up to the end of the first request's head, on a thread of its own."""

    def __init__(self, handle, port=0):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                received = b""
                while b"\r\n\r\n" not in received:
                    piece = self.request.recv(65536)
                    if not piece:
                        return
                    received += piece
                try:
                    handle(self.request, received)
                except OSError:
                    pass  # the other side has gone; tests assert on what it saw

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,),
                                        daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        # From here on connections are refused; else they would wait in the backlog, to be reset.
        self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def simple_origin(content=b"ok\n", port=0):
    """Answers one request a connection with 200 and closes."""

    def handle(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(content), content))

    return Origin(handle, port)


class Directory:
    """A temporary directory, gone at the end."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="rp-e2e-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Nginx:
    """nginx as an origin, serving `root` with keep-alive on a free port."""

    def __init__(self, root, extra=""):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = Directory()
        self._root = root
        self._extra = extra
        self.process = None

    def __enter__(self):
        program = tool("nginx")
        directory = self._directory.__enter__()
        directory.chmod(0o755)
        configuration = directory / "nginx.conf"
        configuration.write_text(f"""
            daemon off; worker_processes 1; pid {directory}/nginx.pid;
            error_log {directory}/error.log;
            events {{ worker_connections 1024; }}
            http {{
              access_log off;
              client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
              fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
              scgi_temp_path {directory}/scgi;
              default_type text/plain; keepalive_requests 100000;
              server {{ listen 127.0.0.1:{self.port}; root {self._root}; {self._extra} }}
            }}""", encoding="utf-8")
        self.process = subprocess.Popen([program, "-c", str(configuration), "-p", str(directory)],
                                        stderr=subprocess.DEVNULL)
        wait_listening(self.process, self.port)
        return self

    def __exit__(self, *_):
        if self.process:
            end(self.process)
        self._directory.__exit__()


class PythonHttpServer:
    """`python3 -m http.server`, as in the quick start."""

    def __init__(self, root, port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._root = root
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["python3", "-m", "http.server", str(self.port), "--bind", "127.0.0.1"], cwd=self._root,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_listening(self.process, self.port)
        return self

    def __exit__(self, *_):
        end(self.process)
