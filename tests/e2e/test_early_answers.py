"""An origin that answers before it has read the upload gets all of it nevertheless, and only then the
connection's next request.

The daemon is stopped (SIGSTOP) while a full socket of content and the origin's head come in, so that
both meet in one turn of the worker.
"""

import pathlib
import signal
import socket
import threading
import unittest

from support import BOUND_SECONDS, Origin, Proxy, wait_until

FIRST = 4_000_000  # moved before: later reads are large, and the kernel gives the socket room
# Of what is read in one turn the last read is to hold the content's end: several sizes meet it.
RESTS = (4_080_000, 4_110_000, 4_120_000, 4_150_000, 4_180_000)


class EarlyOrigin:
    """Answers a PUT's head when it is told to, reads on, and keeps the connection."""

    def __init__(self, length):
        self.length = length
        self.first_part = threading.Event()
        self.answer = threading.Event()
        self.answered = threading.Event()
        self.received = 0
        self.behind = b""

    def handle(self, connection, received):
        connection.settimeout(BOUND_SECONDS)
        head, _, rest = received.partition(b"\r\n\r\n")
        if not head.startswith(b"PUT"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        if b"100-continue" in head:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.received = len(rest)
        self.read_until(connection, FIRST)
        self.first_part.set()
        self.answer.wait(BOUND_SECONDS)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.answered.set()
        self.read_until(connection, self.length)
        connection.sendall(b"2\r\nok\r\n0\r\n\r\n")
        self.behind = connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def read_until(self, connection, length):
        while self.received < length:
            piece = connection.recv(min(1 << 20, length - self.received))
            if not piece:
                return
            self.received += len(piece)


class EarlyAnswers(unittest.TestCase):
    def upload(self, rest):
        origin = EarlyOrigin(FIRST + rest)
        with Origin(origin.handle) as server, \
                Proxy(UPSTREAMS=server.url, WORKERS=1, STREAM_THRESHOLD_BYTES=16 << 20) as proxy, \
                socket.create_connection(("127.0.0.1", proxy.port), BOUND_SECONDS) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            client.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                           b"Content-Length: %d\r\n\r\n" % origin.length)
            client.sendall(bytes(FIRST))
            self.assertTrue(origin.first_part.wait(BOUND_SECONDS))
            state = pathlib.Path(f"/proc/{proxy.process.pid}/stat")
            proxy.process.send_signal(signal.SIGSTOP)
            try:
                wait_until(lambda: state.read_text().rsplit(")", 1)[1].split()[0] == "T", "stopped")
                sending = threading.Thread(target=client.sendall, args=(bytes(rest),), daemon=True)
                sending.start()
                sending.join(1)  # what the kernel has no room for is sent later
                origin.answer.set()
                self.assertTrue(origin.answered.wait(BOUND_SECONDS))
            finally:
                proxy.process.send_signal(signal.SIGCONT)
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                piece = client.recv(65536)
                self.assertTrue(piece, answer)
                answer += piece
            self.assertEqual(proxy.get("/next")[0].status, 200)
            sending.join(BOUND_SECONDS)
        self.assertEqual(origin.received, origin.length)
        return origin

    def test_the_upload_arrives_whole_before_the_next_request(self):
        for rest in RESTS:
            with self.subTest(rest=rest):
                origin = self.upload(rest)
                self.assertTrue(origin.behind == b"" or origin.behind.startswith(b"GET /next "),
                                origin.behind[:100])


if __name__ == "__main__":
    unittest.main()
