"""The quick start: two `python3 -m http.server` origins behind the daemon, curl in front."""

import json
import subprocess
import unittest

from support import Directory, Proxy, PythonHttpServer, free_port, tool, wait_until


def curl(url, *arguments):
    """@return (status, content)"""
    done = subprocess.run([tool("curl"), "--silent", "--show-error", "--max-time", "10",
                           "--write-out", "\n%{http_code}", *arguments, url],
                          capture_output=True, text=True, check=True)
    content, _, status = done.stdout.rpartition("\n")
    return int(status), content


class QuickStart(unittest.TestCase):
    def setUp(self):
        self.roots = []
        for name in ("first", "second"):
            root = self.enterContext(Directory())
            (root / "index.html").write_text(name, encoding="ascii")
            self.roots.append(root)

    def start(self, *origins, **settings):
        return self.enterContext(Proxy(
            UPSTREAMS=",".join(origin.url for origin in origins), HEALTHCHECK="true",
            TRUSTED_PROXIES="127.0.0.1/32", **settings))

    def origins(self):
        return [self.enterContext(PythonHttpServer(root)) for root in self.roots]

    def test_every_url_of_the_readme_answers(self):
        proxy = self.start(*self.origins())
        status, content = curl(proxy.url + "/healthz")
        self.assertEqual((status, json.loads(content)), (200, {"status": "ok"}))
        status, content = curl(proxy.url + "/readyz")
        self.assertEqual((status, json.loads(content)), (200, {"status": "ready"}))
        answers = [curl(proxy.url + "/") for _ in range(10)]
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertEqual(sorted(content for _, content in answers),
                         ["first"] * 5 + ["second"] * 5)
        status, content = curl(proxy.url + "/metrics")
        self.assertEqual(status, 200)
        self.assertIn('requests_total{', content)
        status, content = curl(proxy.url + "/no-such-file")
        self.assertEqual(status, 404)

    def test_an_origin_that_dies_is_not_noticed_by_clients(self):
        first, second = self.origins()
        proxy = self.start(first, second)
        self.assertEqual(curl(proxy.url + "/")[0], 200)
        first.process.kill()
        first.process.wait()
        answers = [curl(proxy.url + "/") for _ in range(20)]
        self.assertEqual(answers, [(200, "second")] * 20)

    def test_an_origin_that_comes_back_is_used_again(self):
        port = free_port()
        second = self.enterContext(PythonHttpServer(self.roots[1]))
        proxy = self.start(type("Gone", (), {"url": f"http://127.0.0.1:{port}"}), second,
                           HEALTHCHECK_INTERVAL_SECS=1, CIRCUIT_BREAKER_OPEN_MS=500)
        self.assertEqual(curl(proxy.url + "/"), (200, "second"))
        self.enterContext(PythonHttpServer(self.roots[0], port))
        wait_until(lambda: curl(proxy.url + "/") == (200, "first"), "the first origin is used")

    def test_demo_needs_nothing_else(self):
        proxy = self.enterContext(Proxy("--demo"))
        answers = {curl(proxy.url + "/") for _ in range(4)}
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertEqual(len(answers), 2, "both demo origins answer")
        self.assertEqual(curl(proxy.url + "/readyz")[0], 200)


if __name__ == "__main__":
    unittest.main()
