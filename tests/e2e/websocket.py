"""WebSocket (RFC 6455) as far as an echo needs it: handshake and frames, both sides."""

import base64
import hashlib
import os
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()


class Peer:
    """One end of an open WebSocket on a connected socket; clients mask, servers do not."""

    def __init__(self, connection, is_client, received=b""):
        self._connection = connection
        self._is_client = is_client
        self._received = received

    def _take(self, size):
        while len(self._received) < size:
            piece = self._connection.recv(1 << 20)
            if not piece:
                raise EOFError("closed within a frame")
            self._received += piece
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def send(self, opcode, payload=b""):
        mask_bit = 0x80 if self._is_client else 0
        if len(payload) < 126:
            head = bytes([0x80 | opcode, mask_bit | len(payload)])
        elif len(payload) < 1 << 16:
            head = bytes([0x80 | opcode, mask_bit | 126]) + struct.pack("!H", len(payload))
        else:
            head = bytes([0x80 | opcode, mask_bit | 127]) + struct.pack("!Q", len(payload))
        if self._is_client:
            mask = os.urandom(4)
            head += mask
            payload = _masked(payload, mask)
        self._connection.sendall(head + payload)

    def receive(self):
        """@return (opcode, payload) of one unfragmented frame"""
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", self._take(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self._take(8))[0]
        if bool(second & 0x80) == self._is_client:
            raise ValueError("masked by the wrong side (RFC 6455, 5.1)")
        mask = self._take(4) if second & 0x80 else None
        payload = self._take(length)
        return first & 0x0F, _masked(payload, mask) if mask else payload


def _masked(payload, mask):
    repeated = (mask * (len(payload) // 4 + 1))[:len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(len(payload), "big")


def fields_of(head):
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)}


def serve_echo(connection, received):
    """Handler for support.Origin: handshake, then an echo until the close frame."""
    head, _, rest = received.partition(b"\r\n\r\n")
    fields = fields_of(head)
    if fields.get("upgrade", "").lower() != "websocket":
        connection.sendall(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
                           b"Connection: Upgrade, close\r\nContent-Length: 0\r\n\r\n")
        return
    connection.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: "
                        + accept_key(fields["sec-websocket-key"]) + "\r\n\r\n").encode())
    peer = Peer(connection, is_client=False, received=rest)
    while True:
        opcode, payload = peer.receive()
        peer.send(PONG if opcode == PING else opcode, payload)
        if opcode == CLOSE:
            return


def connect(connection, path="/"):
    """The client's handshake on a connected socket. @return Peer"""
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall((f"GET {path} HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\n"
                        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n").encode())
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            raise EOFError("closed in the handshake")
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1]
    if status != b"101":
        raise ValueError(f"handshake answered {status.decode()}")
    fields = fields_of(head)
    if fields.get("sec-websocket-accept") != accept_key(key):
        raise ValueError("wrong Sec-WebSocket-Accept")
    if "upgrade" not in fields.get("connection", "").lower():
        raise ValueError("no Connection: Upgrade")
    return Peer(connection, is_client=True, received=rest)
