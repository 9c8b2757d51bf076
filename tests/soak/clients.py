"""Clients of every manner, each drawing what it does from a seed and checking what it gets."""

import asyncio
import collections
import hashlib
import json
import random

from messages import Cut, Malformed, chunked, pattern, read_content, read_head, reset

KINDS = {"small": 30, "large": 6, "chunked": 10, "until_close": 4, "head": 4, "upload": 12,
         "large_upload": 4, "chunked_upload": 8, "expect_upload": 3, "abort_answer": 6,
         "abort_upload": 5, "abort_at_once": 4, "slow_reader": 3, "upgrade": 5, "pipeline": 4}
ANSWER_BOUND = 30  # seconds; well above every time-out of the proxy under test


# Whatever happens behind the proxy, their answer begins with a head. An upload may be closed on
# while it is sent, and what is pipelined behind an answer that ends the connection is lost.
ALWAYS_ANSWERED = {"small", "large", "chunked", "until_close", "head", "abort_answer",
                   "slow_reader", "upgrade"}


class Wrong(Exception):
    """The proxy did what it must not."""


class Client:
    def __init__(self, seed, port, tally, ended):
        self.random = random.Random(seed)
        self.port = port
        self.tally = tally  # Counter of (kind, outcome), shared
        self.ended = ended  # asyncio.Event: begin nothing more
        self.sent = 0  # requests whose head was sent
        self._reader = self._writer = None
        self._answered = False  # the head of an answer to the last request has come

    async def run(self):
        try:
            while not self.ended.is_set():
                kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
                try:
                    outcome = await asyncio.wait_for(self._do(kind), ANSWER_BOUND)
                except (Cut, OSError) as error:
                    if kind in ALWAYS_ANSWERED and not self._answered:
                        raise Wrong(f"{kind}: no answer at all, {error!r}") from error
                    outcome = "cut"
                    self._leave()
                except (Malformed, asyncio.TimeoutError) as error:
                    raise Wrong(f"{kind}: {error!r}") from error
                self.tally[kind, outcome] += 1
                if self.random.random() < 0.05:
                    self._leave()
        finally:
            self._leave()

    def _leave(self, with_reset=False):
        if self._writer:
            if with_reset:
                reset(self._writer)
            else:
                self._writer.close()
            self._reader = self._writer = None

    async def _connect(self):
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self.port, limit=65536)

    async def _send_head(self, method, target, fields=""):
        self._answered = False
        await self._connect()
        self.sent += 1
        self._writer.write(f"{method} {target} HTTP/1.1\r\nHost: soak.test\r\n{fields}\r\n".encode())
        await self._writer.drain()

    async def _answer_head(self):
        while True:
            head = await read_head(self._reader)
            if head is None:
                raise Cut("before the answer")
            if head.start[1] != "100":
                self._answered = True
                return head

    async def _answer(self, expected, method="GET", pause=0.0):
        """Reads one answer. @return outcome"""
        head = await self._answer_head()
        status = head.start[1]
        content = bytearray()
        async for piece in read_content(self._reader, head, is_request=False,
                                        bodiless=method == "HEAD"):
            content += piece
            if pause:
                await asyncio.sleep(pause)
        if "close" in head.get("connection").lower() or not (
                head.get("content-length") or head.get("transfer-encoding")):
            self._leave()
        if status == "200":
            if head.get("x-origin") != "yes":
                raise Wrong("200 that is not the origin's")
            if method == "HEAD":
                if int(head.get("content-length")) != len(expected):
                    raise Wrong("HEAD with another Content-Length")
            elif content != expected:
                raise Wrong(f"{len(content)} bytes of other content than the {len(expected)} "
                            "that the origin sent")
            return "ok"
        if status not in ("502", "503", "504"):
            raise Wrong(f"status {status}: {bytes(content[:200])}")
        if head.get("x-origin") == "no":
            if method != "HEAD" and content != b"the origin says no":
                raise Wrong("an origin's error with other content")
            return status
        if "error=" not in head.get("proxy-status"):
            raise Wrong(f"{status} of nobody: {head.fields}")
        if method != "HEAD" and json.loads(bytes(content))["status"] != int(status):
            raise Wrong("problem details with another status")
        return status

    def _bytes(self, size, how):
        """@return (target, content it stands for)"""
        number = self.random.randrange(1 << 31)
        return f"/bytes?n={number}&size={size}&as={how}", pattern(number, size)

    async def _do(self, kind):
        draw = self.random
        if kind == "pipeline":
            return await self._pipeline()
        if kind == "upgrade":
            return await self._upgrade()
        if kind.endswith("upload"):
            return await self._upload(kind)
        if kind == "abort_at_once":
            await self._send_head("GET", self._bytes(10, "length")[0])
            self._leave(with_reset=draw.random() < 0.5)
            return "aborted"
        sizes = {"small": 2000, "head": 2000, "large": 3_000_000, "slow_reader": 600_000,
                 "abort_answer": 3_000_000}
        how = {"chunked": "chunked", "until_close": "close", "abort_answer":
               draw.choice(("length", "chunked", "close"))}.get(kind, "length")
        method = "HEAD" if kind == "head" else "GET"
        target, expected = self._bytes(draw.randrange(sizes.get(kind, 200_000)), how)
        await self._send_head(method, target)
        if kind == "abort_answer":
            head = await self._answer_head()
            async for _ in read_content(self._reader, head, is_request=False):
                break
            self._leave(with_reset=draw.random() < 0.5)
            return "aborted"
        return await self._answer(expected, method, 0.02 if kind == "slow_reader" else 0.0)

    async def _pipeline(self):
        await self._connect()
        answers = []
        for _ in range(3):
            target, expected = self._bytes(self.random.randrange(5000), "length")
            self._writer.write(f"GET {target} HTTP/1.1\r\nHost: soak.test\r\n\r\n".encode())
            answers.append(expected)
        self.sent += len(answers)
        await self._writer.drain()
        outcomes = []
        for expected in answers:
            outcomes.append(await self._answer(expected))
            if self._writer is None:
                return "closed"
        return max(outcomes, key=lambda outcome: outcome != "ok")

    async def _upload(self, kind):
        draw = self.random
        size = draw.randrange({"upload": 60_000, "large_upload": 2_000_000}.get(kind, 300_000))
        content = pattern(draw.randrange(1 << 31), size)
        as_chunks = kind == "chunked_upload" or (kind == "abort_upload" and draw.random() < 0.5)
        fields = "Transfer-Encoding: chunked\r\n" if as_chunks else f"Content-Length: {size}\r\n"
        if kind == "expect_upload":
            fields += "Expect: 100-continue\r\n"
        await self._send_head(draw.choice(("PUT", "POST")), "/digest", fields)
        stop_at = draw.randrange(size + 1) if kind == "abort_upload" else size + 1
        expected = b"%d %s" % (size, hashlib.sha256(content).hexdigest().encode())
        reading = asyncio.create_task(self._answer(expected))
        try:
            at = 0
            # An early final answer ends the upload (RFC 9112, 9.3).
            while at < size and not reading.done():
                piece = content[at:at + draw.choice((10, 3000, 50_000))]
                if at + len(piece) > stop_at:
                    self._leave(with_reset=draw.random() < 0.5)
                    return "aborted"
                self._writer.write(chunked(piece) if as_chunks else piece)
                await self._writer.drain()
                at += len(piece)
            whole = at >= size
            if whole and as_chunks and self._writer is not None:
                self._writer.write(b"0\r\n\r\n")
                await self._writer.drain()
            outcome = await reading
            if not whole:
                if outcome == "ok":
                    raise Wrong("a digest of content that was not sent whole")
                self._leave()
            return outcome
        except (AttributeError, OSError) as error:  # closed under the upload
            try:
                return await reading
            except (Cut, OSError):
                raise Cut("within the upload") from error
        finally:
            if not reading.done():
                reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _upgrade(self):
        await self._send_head("GET", "/echo", "Upgrade: echo\r\nConnection: Upgrade\r\n")
        head = await self._answer_head()
        if head.start[1] != "101":
            async for _ in read_content(self._reader, head, is_request=False):
                pass
            self._leave()
            return head.start[1]
        for _ in range(self.random.randrange(1, 8)):
            message = pattern(self.random.randrange(1 << 31), self.random.randrange(1, 60_000))
            self._writer.write(message)
            try:
                echo = await self._reader.readexactly(len(message))
            except asyncio.IncompleteReadError as end:
                raise Cut("within the tunnel") from end
            if echo != message:
                raise Wrong("a tunnel that changes bytes")
        self._writer.write_eof()
        if await self._reader.read(1):
            raise Wrong("a tunnel that adds bytes")
        self._leave()
        return "ok"


def summary(tally):
    rows = collections.defaultdict(dict)
    for (kind, outcome), count in sorted(tally.items()):
        rows[kind][outcome] = count
    return "\n".join(f"  {kind:15} {dict(outcomes)}" for kind, outcomes in rows.items())
