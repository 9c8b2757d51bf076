"""Thousands of clients that are slow, each in one way, as a process of its own; and an origin that
bears them. Standard library only.

    python3 slow_clients.py clients PORT COUNT KIND[,KIND...]
    python3 slow_clients.py origin

`clients` prints `attached N` once every client has done its first step, goes on slowly, and ends
when its standard input does; then it prints a line of JSON: how each kind's connections ended.
`origin` prints the port it listens on.
"""

import asyncio
import collections
import json
import re
import selectors
import socket
import sys
import time

PIECE = 100_000
# Bytes of /big: more than the kernel takes off a proxy's hands for a slow reader, whatever it has
# learnt of the way to it before (tcp_wmem; a high metric "reordering" makes large buffers).
BIG = 80 * PIECE

# What a client sends at once, what it sends byte by byte, and what it asks for.
KINDS = {
    # one request, answered; then nothing
    "idle": (b"GET /small HTTP/1.1\r\nHost: slow.test\r\n\r\n", b""),
    # connected, and not a byte
    "silent": (b"", b""),
    "head": (b"GET /small HTTP/1.1\r\nHost: slow.test\r\nX-Pad: " + b"x" * 3000, b"x" * 4000),
    # read whole before an origin is chosen
    "small_content": (b"POST /upload HTTP/1.1\r\nHost: slow.test\r\nContent-Length: 7000\r\n\r\n"
                      + b"x" * 3000, b"x" * 3999),
    "large_content": (b"POST /upload HTTP/1.1\r\nHost: slow.test\r\nContent-Length: 1000000\r\n\r\n"
                      + b"x" * 3000, b"x" * 3999),
    "chunked_content": (b"POST /upload HTTP/1.1\r\nHost: slow.test\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 600),
    "reader": (b"GET /big HTTP/1.1\r\nHost: slow.test\r\n\r\n", b""),
}
PACE_SECONDS = 0.5  # between two bytes of one client


class Client:
    def __init__(self, kind, port):
        self.kind = kind
        self.first, self.rest = KINDS[kind]
        self.at = 0
        self.received = b""
        self.socket = socket.socket()
        if kind == "reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            # Segments as on the Internet: with the loopback's of 64 KiB the kernel alone would
            # take more than a megabyte off the proxy's hands.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(self.first)
        self.socket.setblocking(False)
        self.ended = None

    def step(self):
        """One byte more, or one byte less to read."""
        try:
            if self.at < len(self.rest):
                self.socket.send(self.rest[self.at:self.at + 1])
                self.at += 1
            elif self.kind == "reader":
                self.take(1)
        except BlockingIOError:
            pass
        except OSError as error:
            self.end(type(error).__name__)

    def take(self, size):
        """Reads what has come; notices the end."""
        try:
            piece = self.socket.recv(size)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(type(error).__name__)
            return
        if piece:
            self.received = (self.received + piece)[-2000:]
        else:
            status = re.search(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(?!.*HTTP/1\.1 )", self.received,
                               re.DOTALL)
            self.end(status[1].decode() if status and self.kind != "idle" else "closed")

    def take_all(self):
        before = None
        while self.ended is None and self.received != before:
            before = self.received
            self.take(65536)

    def end(self, how):
        self.ended = how
        self.socket.close()


def run_clients(port, count, kinds):
    clients = [Client(kinds[number % len(kinds)], port) for number in range(count)]
    watch = selectors.DefaultSelector()
    for client in clients:
        if client.kind != "reader":  # a slow reader does not look
            watch.register(client.socket, selectors.EVENT_READ, client)
    watch.register(sys.stdin, selectors.EVENT_READ)
    print(f"attached {count}", flush=True)
    alive = collections.deque(clients)
    pause = 0.05
    running = True
    while running:
        began = time.monotonic()
        for _ in range(max(1, int(len(alive) * pause / PACE_SECONDS))):
            if not alive:
                break
            client = alive.popleft()
            if client.ended is None:
                if client.kind != "reader":
                    before = client.socket.fileno()
                    client.step()
                    if client.ended is not None:
                        _forget(watch, before)
                else:
                    client.step()
            if client.ended is None:
                alive.append(client)
        for key, _ in watch.select(max(0.0, pause - (time.monotonic() - began))):
            if key.data is None:
                running = False
                continue
            descriptor = key.data.socket.fileno()
            key.data.take(65536)
            if key.data.ended is not None:
                _forget(watch, descriptor)
    ends = collections.defaultdict(collections.Counter)
    for client in clients:
        if client.kind != "reader":
            client.take_all()  # an end may lie behind an answer
        ends[client.kind][client.ended or "open"] += 1
    print(json.dumps(ends), flush=True)


def _forget(watch, descriptor):
    try:
        watch.unregister(descriptor)
    except (KeyError, ValueError):
        pass


async def run_origin():
    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"POST"):
                    while await reader.read(65536):
                        pass
                    return
                size = BIG if b" /big " in head else 2
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                for at in range(0, size, PIECE):
                    writer.write(b"x" * min(PIECE, size - at))
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1] == "origin":
        asyncio.run(run_origin())
    else:
        run_clients(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(","))
