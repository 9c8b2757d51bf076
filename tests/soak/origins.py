"""Origins that misbehave at random, by moods drawn from a seed."""

import asyncio
import hashlib
import random
from urllib.parse import parse_qs, urlsplit

from messages import Cut, Malformed, chunked, pattern, read_content, read_head, reset

MOODS = {"well": 50, "flaky": 30, "away": 8, "mute": 5, "unavailable": 7}
FAULTS = ("reset_before_head", "close_before_head", "reset_in_head", "reset_in_content",
          "short_content", "stall_in_content", "malformed", "slow_head", "status_502",
          "close_after", "late")
MALFORMED = (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
             b"HTTP/1.1 abc OK\r\n\r\n", b"\x16\x03\x01\x00nonsense\r\n\r\n",
             b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
             b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
             b"HTTP/1.1 200 OK\r\n bad: fold\r\n\r\n")


class Origin:
    """`/bytes?n=&size=&as=length|chunked|close` gives a pattern, `/digest` tells what came,
    an upgrade to `echo` is echoed."""

    def __init__(self, seed, calm):
        self.random = random.Random(seed)
        self.calm = calm  # asyncio.Event: from now on behave
        self.mood = "well"
        self.port = None
        self.requests = 0
        self.cuts = 0  # messages that this origin let end early
        self.faults = dict.fromkeys(FAULTS, 0)
        self._server = None
        self._writers = set()
        self._busy = set()  # those of them with an answer begun and not ended
        self._moods = None

    async def start(self):
        await self._listen()
        self._moods = asyncio.create_task(self._change_moods())

    async def stop(self):
        self._moods.cancel()
        await self._leave()

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port or 0,
                                                  backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _leave(self):
        if self._server:
            self._server.close()
            self._server = None
        self.cuts += len(self._busy)
        for writer in list(self._writers):
            reset(writer)

    async def _change_moods(self):
        while not self.calm.is_set():
            before = self.mood
            self.mood = self.random.choices(list(MOODS), list(MOODS.values()))[0]
            if self.mood == "away" and self._server:
                await self._leave()
            elif self.mood != "away" and before == "away":
                await self._listen()
            try:
                await asyncio.wait_for(self.calm.wait(), self.random.uniform(0.3, 1.5))
            except asyncio.TimeoutError:
                pass
        self.mood = "well"
        if not self._server:
            await self._listen()

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        try:
            while (head := await read_head(reader)) is not None:
                self.requests += 1
                goes_on = await self._answer(head, reader, writer)
                self._busy.discard(writer)
                if not goes_on:
                    break
        except (Cut, Malformed, OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._busy.discard(writer)
            writer.close()

    def _draw_fault(self):
        if self.mood == "mute":
            return "late"
        if self.mood == "unavailable":
            return "status_503"
        if self.mood == "flaky" and self.random.random() < 0.3:
            fault = self.random.choice(FAULTS)
            self.faults[fault] += 1
            return fault
        return None

    async def _answer(self, head, reader, writer):
        """@return whether the connection goes on"""
        method, target, _ = head.start
        url = urlsplit(target)
        fault = self._draw_fault()
        if url.path == "/health":
            well = fault is None
            writer.write(b"HTTP/1.1 %d x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                         % (200 if well else 503))
            await writer.drain()
            return False
        if fault == "reset_before_head":
            reset(writer)
            return False
        if fault == "close_before_head":
            return False
        if head.get("upgrade") == "echo":
            return await self._echo(fault, reader, writer)
        if head.get("expect").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        digest, size = hashlib.sha256(), 0
        async for piece in read_content(reader, head, is_request=True):
            digest.update(piece)
            size += len(piece)
        if fault == "late":
            await asyncio.sleep(self.random.uniform(0.2, 1.0))
        if fault == "malformed":
            writer.write(self.random.choice(MALFORMED))
            await writer.drain()
            return False
        if fault in ("status_502", "status_503"):
            content = b"the origin says no"
            writer.write(b"HTTP/1.1 %s x\r\nX-Origin: no\r\nContent-Length: %d\r\n\r\n%s"
                         % (fault[-3:].encode(), len(content), b"" if method == "HEAD" else content))
            await writer.drain()
            return True
        query = parse_qs(url.query)
        if url.path == "/digest":
            content, how = b"%d %s" % (size, digest.hexdigest().encode()), "length"
        else:
            content = pattern(int(query["n"][0]), int(query["size"][0]))
            how = query["as"][0]
        return await self._send(writer, method, content, how, fault)

    async def _send(self, writer, method, content, how, fault):
        head = b"HTTP/1.1 200 OK\r\nX-Origin: yes\r\n"
        if how == "length":
            head += b"Content-Length: %d\r\n" % len(content)
        elif how == "chunked":
            head += b"Transfer-Encoding: chunked\r\n"
        closes = how == "close" or fault == "close_after"
        head += b"Connection: close\r\n\r\n" if closes else b"\r\n"
        if fault == "reset_in_head":
            writer.write(head[:self.random.randrange(1, len(head))])
            await writer.drain()
            reset(writer)
            return False
        if fault == "slow_head":
            for byte in range(0, len(head), 24):
                writer.write(head[byte:byte + 24])
                await asyncio.sleep(0.005)
        else:
            writer.write(head)
        self._busy.add(writer)
        if method == "HEAD":
            await writer.drain()
            return not closes
        stop_at = None
        if fault in ("reset_in_content", "short_content", "stall_in_content") and content:
            stop_at = self.random.randrange(len(content))
            if fault == "short_content" and how == "close":
                fault = "reset_in_content"  # nobody could tell a FIN from the end
        at = 0
        while at < len(content):
            size = min(self.random.choice((100, 5000, 70_000)), len(content) - at)
            if stop_at is not None and at + size > stop_at:
                size = stop_at - at
            piece = content[at:at + size]
            if piece:
                writer.write(chunked(piece) if how == "chunked" else piece)
                await writer.drain()
            at += size
            if at == stop_at:
                self.cuts += 1
                if fault == "stall_in_content":
                    await asyncio.sleep(self.random.uniform(2.5, 3.5))
                    reset(writer)
                elif fault == "reset_in_content":
                    reset(writer)
                return False
        if how == "chunked":
            writer.write(b"0\r\nX-Trailer: end\r\n\r\n")
        await writer.drain()
        return not closes

    async def _echo(self, fault, reader, writer):
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n"
                     b"Connection: Upgrade\r\n\r\n")
        self._busy.add(writer)
        await writer.drain()
        while piece := await reader.read(32768):
            if fault is not None:
                self.cuts += 1
                reset(writer)
                return False
            writer.write(piece)
            await writer.drain()
        return False
