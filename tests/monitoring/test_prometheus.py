"""A real Prometheus with the configuration, the rules and the dashboard's queries of docs/monitoring
scrapes the built binary."""

import json
import subprocess
import sys
import unittest
import urllib.error
import urllib.parse
import urllib.request

import yaml

from monitoring import FOLDER, ROOT, TARGET_LABELS, alerts, metrics_table, questions, selectors

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from support import (  # pylint: disable=wrong-import-position
    BOUND_SECONDS, Directory, Origin, Proxy, end, free_port, tool, wait_listening, wait_until)

INTERVAL = "1s"  # the examples' 15 s are for operators
# What the dashboard leaves to Grafana; all that was sent lies within these five minutes.
VARIABLES = {'"$job"': '"reverse-proxy"', '"$instance"': '".*"', "$__rate_interval": "5m"}


class Prometheus:
    """The server with an example of docs/monitoring: only targets, token file, times are its own."""

    def __init__(self, example, target, token=None):
        self.port = free_port()
        self._example = example
        self._target = target
        self._token = token
        self._directory = Directory()
        self._process = None

    def __enter__(self):
        directory = self._directory.__enter__()
        settings = yaml.safe_load((FOLDER / self._example).read_text(encoding="utf-8"))
        settings["global"] = {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL,
                              "evaluation_interval": INTERVAL}
        settings["rule_files"] = [str(FOLDER / name) for name in settings["rule_files"]]
        job, = settings["scrape_configs"]
        job["static_configs"][0]["targets"] = [self._target]
        if self._token:
            file = directory / "token"
            file.write_text(self._token, encoding="ascii")
            job["authorization"]["credentials_file"] = str(file)
        (directory / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
        self._process = subprocess.Popen(
            [tool("prometheus"), f"--config.file={directory}/prometheus.yml",
             f"--storage.tsdb.path={directory}/data", "--log.level=error",
             f"--web.listen-address=127.0.0.1:{self.port}"])
        wait_listening(self._process, self.port)
        wait_until(self._ready, "Prometheus is ready")
        return self

    def _ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready",
                                        timeout=BOUND_SECONDS) as response:
                return response.status == 200
        except urllib.error.HTTPError:
            return False  # 503 while it loads its configuration

    def __exit__(self, *_):
        if self._process:
            end(self._process)
        self._directory.__exit__()

    def ask(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=BOUND_SECONDS) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code} {error.read().decode()} of {url}") from error

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def value(self, expression):
        """Of the only sample, or None while there is none."""
        samples = self.query(expression)
        return float(samples[0]["value"][1]) if samples else None

    def errors(self):
        """Why scrapes failed; the targets are known some seconds after the start."""
        return "".join(target["lastError"] for target in self.ask("targets")["activeTargets"])
# Scrapes are requests as well, and counted.
SENT = 'requests_total{job="reverse-proxy", path!="/metrics"}'


def answer(connection, received):
    """200, and 404 for /missing."""
    status = b"404 Not Found" if received.startswith(b"GET /missing") else b"200 OK"
    connection.sendall(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status)


class Scrapes(unittest.TestCase):
    """A scrape may time out on a busy machine, so each value is waited for."""

    def start(self, example="prometheus.yml", token=None, **settings):
        origin = self.enterContext(Origin(answer))
        self.dead = f"127.0.0.1:{free_port()}"
        self.admin = free_port()
        self.proxy = self.enterContext(Proxy(
            UPSTREAMS=f"{origin.url},http://{self.dead}",
            ADMIN_LISTEN=f"127.0.0.1:{self.admin}", CIRCUIT_BREAKER_OPEN_MS=3600000, **settings))
        return self.enterContext(Prometheus(example, f"127.0.0.1:{self.admin}", token))

    def wait_value(self, prometheus, expression, wanted):
        wait_until(lambda: prometheus.value(expression) == wanted,
                   f"{expression} is {wanted}")

    def test_a_query_returns_what_was_sent(self):
        prometheus = self.start()
        for number in range(37):
            self.proxy.get(f"/users/{number}")
        self.wait_value(prometheus, 'requests_total{job="reverse-proxy", path="/users/:id"}', 37)
        for number in range(5):
            self.proxy.get(f"/users/{number}/orders")
        self.wait_value(prometheus, 'sum(reverse_proxy_attempts_total{outcome="ok"})', 42)
        self.wait_value(prometheus, f"sum({SENT})", 42)
        self.wait_value(prometheus, 'up{job="reverse-proxy"}', 1)

    def test_the_rules_are_loaded_and_see_a_dead_endpoint(self):
        prometheus = self.start()
        for _ in range(20):
            self.proxy.get("/")
        groups = prometheus.ask("rules")["groups"]
        self.assertEqual([rule["name"] for group in groups for rule in group["rules"]],
                         [rule["alert"] for rule in alerts()])

        pending = {}

        def breaker_is_pending():
            pending.clear()
            pending.update({alert["labels"]["alertname"]: alert for alert in
                            prometheus.ask("alerts")["alerts"]})
            return "ReverseProxyBreakerOpen" in pending

        wait_until(breaker_is_pending, "the alert is pending")
        alert = pending["ReverseProxyBreakerOpen"]
        self.assertEqual(alert["labels"]["upstream"], self.dead)
        self.assertEqual(alert["annotations"]["summary"],
                         f"127.0.0.1:{self.admin} leaves out {self.dead}: its attempts fail")
        self.assertNotIn("ReverseProxyNoEndpoint", pending)
        for group in prometheus.ask("rules")["groups"]:
            for rule in group["rules"]:
                self.assertIn(rule["health"], ("ok", "unknown"), rule)

    def test_a_token_is_asked_for_and_taken_from_the_file(self):
        prometheus = self.start("prometheus-token.yml", token="s3cret",
                                METRICS_BEARER_TOKEN="s3cret")
        self.wait_value(prometheus, 'up{job="reverse-proxy"}', 1)

    def test_a_wrong_token_shows_as_a_target_that_is_down(self):
        prometheus = self.start("prometheus-token.yml", token="wrong",
                                METRICS_BEARER_TOKEN="s3cret")
        wait_until(lambda: "401" in prometheus.errors(), "the target's error")
        self.wait_value(prometheus, 'up{job="reverse-proxy"}', 0)

    def test_everything_asked_for_is_there(self):
        prometheus = self.start()
        for path in ("/", "/users/7", "/missing") * 5:
            self.proxy.get(path)
        self.wait_value(prometheus, f"sum({SENT})", 15)
        for metric, labels in metrics_table().items():
            series = prometheus.ask("series", **{"match[]": f'{metric}{{job="reverse-proxy"}}'})
            self.assertTrue(series, metric)
            for each in series:
                self.assertEqual(each.keys() - TARGET_LABELS - {"__name__"}, labels, metric)
        for where, expression, _ in questions():
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            with self.subTest(where, expression=expression):
                prometheus.query(expression)  # a mistake in it is an error of the server's
                for metric, matchers, _ in selectors(expression):
                    # Over time: a scrape that came too late takes the newest sample away.
                    series = f"{metric}{{{matchers}}}"
                    self.assertTrue(prometheus.query(f"count_over_time({series}[5m])"),
                                    f"{series} finds nothing")


if __name__ == "__main__":
    unittest.main()
