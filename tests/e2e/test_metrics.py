"""`/metrics` as Prometheus reads it."""

import subprocess
import unittest

from support import Proxy, free_port, simple_origin, tool


class Metrics(unittest.TestCase):
    def test_promtool_finds_nothing(self):
        program = tool("promtool")
        origin = self.enterContext(simple_origin())
        # One endpoint that works and one that does not, so that every family has samples.
        proxy = self.enterContext(Proxy(
            UPSTREAMS=f"{origin.url},http://127.0.0.1:{free_port()}"))
        for path in ("/", "/users/42", "/missing", '/quo"te', "/healthz"):
            proxy.get(path)
        response, content = proxy.get("/metrics")
        self.assertTrue(response.getheader("Content-Type").startswith("text/plain; version=0.0.4"))
        done = subprocess.run([program, "check", "metrics"], input=content, capture_output=True,
                              timeout=20, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_process_metrics_are_of_this_process(self):
        origin = self.enterContext(simple_origin())
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url))
        memory = proxy.metric("process_resident_memory_bytes")
        self.assertLess(abs(memory - proxy.memory()), 16 << 20)
        self.assertGreater(proxy.metric("process_open_fds"), 3)


if __name__ == "__main__":
    unittest.main()
