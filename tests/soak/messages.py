"""HTTP/1.1 messages over asyncio streams, as far as the soak's two ends need them."""

import asyncio
import socket
import struct

PIECE = 65536


class Cut(Exception):
    """The other side went away within a message, or before it."""


class Malformed(Exception):
    """The other side sent what no HTTP/1.1 message is."""


class Head:
    def __init__(self, text):
        lines = text.decode("latin-1").split("\r\n")
        self.start = lines[0].split(" ", 2)
        self.fields = {}
        for line in lines[1:]:
            if line:
                name, colon, value = line.partition(":")
                if not colon:
                    raise Malformed(f"field line without a colon: {line!r}")
                self.fields[name.lower()] = value.strip()

    def get(self, name):
        return self.fields.get(name, "")


async def read_head(reader):
    """@return Head, or None where the connection ended between two messages"""
    try:
        return Head((await reader.readuntil(b"\r\n\r\n"))[:-4])
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise Cut("within a head") from end
        return None
    except asyncio.LimitOverrunError as error:
        raise Malformed("endless head") from error
    except OSError as error:
        raise Cut(str(error)) from error


async def _exactly(reader, size):
    while size > 0:
        piece = await reader.read(min(size, PIECE))
        if not piece:
            raise Cut("within content")
        size -= len(piece)
        yield piece


async def _line(reader):
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.IncompleteReadError as end:
        raise Cut("within a chunk's line") from end


async def read_content(reader, head, is_request, bodiless=False):
    """Yields the pieces of a message's content (RFC 9112, 6.3); Cut where it ends early."""
    try:
        if bodiless:
            return
        if head.get("transfer-encoding").lower() == "chunked":
            while size := int(await _line(reader), 16):
                async for piece in _exactly(reader, size):
                    yield piece
                if await _line(reader):
                    raise Malformed("no CRLF behind a chunk")
            while await _line(reader):
                pass
        elif head.get("content-length"):
            async for piece in _exactly(reader, int(head.get("content-length"))):
                yield piece
        elif not is_request:
            while piece := await reader.read(PIECE):
                yield piece
    except ValueError as error:
        raise Malformed(str(error)) from error
    except OSError as error:
        raise Cut(str(error)) from error


def chunked(piece):
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def reset(writer):
    """Closes with RST rather than FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


_PRIME = 251  # no power of two, so that a shift by a buffer's size does not go unnoticed


def pattern(number, size):
    """`size` bytes that differ with `number` and at each place."""
    block = bytes((i * 7 + number) % _PRIME for i in range(_PRIME))
    stamp = b"%08x" % (number & 0xFFFFFFFF)
    block = stamp + block
    return (block * (size // len(block) + 1))[:size]
