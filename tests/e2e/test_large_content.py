"""1 GB in each direction leaves the daemon's memory within 32 MiB of where it was."""

import socket
import threading
import unittest

from support import BOUND_SECONDS, SANITIZED, Origin, Proxy, wait_until

# A sanitizer slows everything and keeps freed memory: there the transfer is smaller, its
# correctness is checked, and memory is not.
SIZE = 64 << 20 if SANITIZED else 1 << 30
MEMORY_BOUND = 32 << 20
PIECE = bytes(1 << 20)


def receive_count(connection, buffer, left):
    """Reads `left` bytes and forgets them; @return those that did not come"""
    while left > 0:
        received = connection.recv_into(buffer, min(left, len(buffer)))
        if received == 0:
            break
        left -= received
    return left


def length_of(head):
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


class LargeOrigin:
    """GET: SIZE zeros. PUT: reads the content and answers with its length."""

    def __init__(self):
        self.sent = 0
        self.received = 0

    def handle(self, connection, received):
        head, _, rest = received.partition(b"\r\n\r\n")
        if head.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
            view = memoryview(PIECE)
            while self.sent < SIZE:
                self.sent += connection.send(view[:SIZE - self.sent])
            return
        length = length_of(head)
        self.received = len(rest)
        buffer = bytearray(1 << 20)
        while self.received < length:
            count = connection.recv_into(buffer)
            if count == 0:
                return
            self.received += count
        answer = b"%d" % self.received
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(answer), answer))


class LargeContent(unittest.TestCase):
    def setUp(self):
        self.large = LargeOrigin()
        origin = self.enterContext(Origin(self.large.handle))
        self.proxy = self.enterContext(Proxy(UPSTREAMS=origin.url))
        self.proxy.get("/healthz")
        self.before = self.proxy.memory()

    def assert_memory_bounded(self):
        if not SANITIZED:
            self.assertLess(self.proxy.memory("VmHWM") - self.before, MEMORY_BOUND)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.proxy.port), BOUND_SECONDS)
        self.addCleanup(connection.close)
        return connection

    def start_download(self):
        connection = self.connect()
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: example.test\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(4096)
        head, _, rest = received.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
        self.assertEqual(length_of(head), SIZE)
        return connection, len(rest)

    def test_download(self):
        connection, already = self.start_download()
        self.assertEqual(receive_count(connection, bytearray(1 << 20), SIZE - already), 0)
        self.assert_memory_bounded()

    def test_upload(self):
        connection = self.connect()
        connection.sendall(b"PUT /large HTTP/1.1\r\nHost: example.test\r\nContent-Length: %d\r\n\r\n"
                           % SIZE)
        for _ in range(SIZE // len(PIECE)):
            connection.sendall(PIECE)
        answer = connection.recv(65536)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
        while not answer.endswith(b"%d" % SIZE):
            piece = connection.recv(65536)
            self.assertNotEqual(piece, b"")
            answer += piece
        self.assertEqual(self.large.received, SIZE)
        self.assert_memory_bounded()

    def test_both_at_once(self):
        failures = []

        def transfer(test):
            try:
                test()
            except BaseException as error:  # noqa: B902 - handed to the test's thread
                failures.append(error)

        threads = [threading.Thread(target=transfer, args=(test,))
                   for test in (self.test_download, self.test_upload)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            self.assertFalse(thread.is_alive())
        self.assertEqual(failures, [])

    def test_a_slow_reader_slows_the_origin(self):
        connection, _ = self.start_download()
        previous = -1

        def stands_still():
            nonlocal previous
            moved, previous = self.large.sent != previous, self.large.sent
            threading.Event().wait(0.3)  # a time in which a sender that is not held moves much
            return not moved

        wait_until(stands_still, "the origin is held up")
        # What is on its way: the kernel's buffers of two hops (tcp_rmem, tcp_wmem) and little else.
        self.assertLess(self.large.sent, SIZE // 2)
        self.assert_memory_bounded()
        connection.close()
        wait_until(lambda: self.proxy.metric("reverse_proxy_in_flight_requests") == 0,
                   "the abandoned download is over")


if __name__ == "__main__":
    unittest.main()
