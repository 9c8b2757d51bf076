"""The little HTTP that the runs need: an origin as a process of its own, and clients at a given rate."""

import asyncio
import dataclasses
import sys
import time

TIME_OUT_SECONDS = 10


async def serve(port, seconds, at_once):
    """An origin that takes `seconds` for each request and does `at_once` of them at a time; the
    others queue in it, as in most programs."""
    slots = asyncio.Semaphore(at_once)

    async def handle(reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                async with slots:
                    await asyncio.sleep(seconds)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


@dataclasses.dataclass
class Answer:
    sent: float      # seconds since the run began
    seconds: float   # until the answer was whole
    status: int      # 0: none came
    upstream: str    # X-Upstream, where the proxy says it


class Clients:
    """Sends requests at the times they are due, whether or not earlier ones were answered; each on
    a connection that is free, or a new one."""

    def __init__(self, port):
        self.answers = []
        self.began = 0.0
        self._port = port
        self._idle = []

    async def _request(self, due):
        status, upstream = 0, ""
        try:
            async with asyncio.timeout(TIME_OUT_SECONDS):
                if self._idle:
                    reader, writer = self._idle.pop()
                else:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(b"GET /work HTTP/1.1\r\nHost: proof\r\n\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                await reader.readexactly(int(fields["content-length"]))
                status, upstream = int(head.split(" ")[1]), fields.get("x-upstream", "")
                if fields.get("connection") == "close":
                    writer.close()
                else:
                    self._idle.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        self.answers.append(Answer(due, time.monotonic() - self.began - due, status, upstream))

    async def run(self, rate, seconds):
        """@param rate: requests a second as a function of the seconds since the beginning"""
        self.began = time.monotonic()
        due, pending = 0.0, set()
        while due < seconds:
            wait = self.began + due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._request(due))
            pending.add(task)
            task.add_done_callback(pending.discard)
            due += 1 / rate(due)
        await asyncio.gather(*pending)
        for _, writer in self._idle:
            writer.close()


async def get(port, path):
    """@return content of a GET on a connection of its own"""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: proof\r\nConnection: close\r\n\r\n".encode())
    whole = await asyncio.wait_for(reader.read(), TIME_OUT_SECONDS)
    writer.close()
    return whole.partition(b"\r\n\r\n")[2].decode()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
