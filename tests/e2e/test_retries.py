"""The bounds of retries that depend on how the attempts of one request follow each other."""

import threading
import unittest

from support import Origin, Proxy


class Retries(unittest.TestCase):
    def test_connections_that_go_stale_one_after_the_other_cost_attempts(self):
        """One stale connection is made up for; the next ones are failures like any other."""
        refused = []
        together = threading.Barrier(8)

        def answer_until_asked_for_more(connection, received):
            # All at once, so that the proxy holds as many idle connections afterwards.
            while b"/first " in received:
                together.wait(20)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                received = connection.recv(65536)
            if received:
                refused.append(received)

        one = self.enterContext(Origin(answer_until_asked_for_more))
        other = self.enterContext(Origin(answer_until_asked_for_more))
        proxy = self.enterContext(Proxy(UPSTREAMS=f"{one.url},{other.url}", WORKERS=1,
                                        RETRY_MAX_ATTEMPTS=2, CIRCUIT_BREAKER="false"))
        first = []
        clients = [threading.Thread(target=lambda: first.append(proxy.get("/first")[0].status))
                   for _ in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(20)
        self.assertEqual(first, [200] * 8)
        self.assertEqual(proxy.get("/then")[0].status, 502)
        self.assertEqual(len(refused), 3)  # two attempts, and the first one again

    def test_a_backoff_past_the_deadline_gives_way_to_the_last_answer(self):
        def unavailable(connection, _):
            connection.sendall(b"HTTP/1.1 503 x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")

        origin = self.enterContext(Origin(unavailable))
        # Whatever is drawn: below the 5 s there is another attempt, with the same answer.
        proxy = self.enterContext(Proxy(
            UPSTREAMS=origin.url, REQUEST_TIMEOUT_MS=5000, RETRY_BACKOFF_BASE_MS=86_400_000,
            RETRY_BACKOFF_MAX_MS=86_400_000, CIRCUIT_BREAKER="false"))
        response, content = proxy.get()
        self.assertEqual((response.status, content), (503, b"no"))


if __name__ == "__main__":
    unittest.main()
