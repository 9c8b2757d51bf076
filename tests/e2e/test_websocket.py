"""A WebSocket echo through the daemon."""

import os
import socket
import unittest

import websocket
from support import BOUND_SECONDS, Origin, Proxy, wait_until


class WebSocket(unittest.TestCase):
    def setUp(self):
        self.origin = self.enterContext(Origin(websocket.serve_echo))
        self.proxy = self.enterContext(Proxy(UPSTREAMS=self.origin.url))

    def open(self):
        connection = socket.create_connection(("127.0.0.1", self.proxy.port), BOUND_SECONDS)
        self.addCleanup(connection.close)
        return connection, websocket.connect(connection, "/chat?room=1")

    def test_frames_of_all_sizes_come_back(self):
        _, peer = self.open()
        for size in (0, 1, 125, 126, 65_535, 65_536, 1_000_000):
            payload = os.urandom(size)
            peer.send(websocket.BINARY, payload)
            self.assertEqual(peer.receive(), (websocket.BINARY, payload))
        peer.send(websocket.TEXT, "grüße".encode())
        self.assertEqual(peer.receive(), (websocket.TEXT, "grüße".encode()))

    def test_ping_and_close(self):
        connection, peer = self.open()
        peer.send(websocket.PING, b"are you there")
        self.assertEqual(peer.receive(), (websocket.PONG, b"are you there"))
        peer.send(websocket.CLOSE, b"\x03\xe8")
        self.assertEqual(peer.receive(), (websocket.CLOSE, b"\x03\xe8"))
        self.assertEqual(connection.recv(1), b"", "the origin's end is passed on")

    def test_many_at_once(self):
        peers = [self.open()[1] for _ in range(30)]
        for number, peer in enumerate(peers):
            peer.send(websocket.TEXT, b"%d" % number)
        for number, peer in enumerate(peers):
            self.assertEqual(peer.receive(), (websocket.TEXT, b"%d" % number))
        self.assertEqual(self.proxy.metric("reverse_proxy_in_flight_requests"), 30)

    def test_a_client_that_vanishes_leaves_nothing(self):
        connection, peer = self.open()
        peer.send(websocket.TEXT, b"hello")
        peer.receive()
        connection.close()
        wait_until(lambda: self.proxy.metric("reverse_proxy_in_flight_requests") == 0,
                   "the tunnel's permit is back")

    def test_without_upgrade_it_is_a_plain_request(self):
        response, _ = self.proxy.get("/chat")
        self.assertEqual(response.status, 426)
        self.assertEqual(self.proxy.get("/healthz")[0].status, 200)


if __name__ == "__main__":
    unittest.main()
