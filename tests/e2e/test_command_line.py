"""Flags, settings, exit codes (contract, sections 1 and 2)."""

import json
import socket
import unittest

from support import Directory, Proxy, free_port, run, simple_origin

UPSTREAM = "http://127.0.0.1:9"
SETTINGS = """LISTEN ADMIN_LISTEN WORKERS UPSTREAMS CONNECT_TIMEOUT_MS REQUEST_TIMEOUT_MS
ATTEMPT_TIMEOUT_MS STREAM_IDLE_TIMEOUT_MS TUNNEL_IDLE_TIMEOUT_MS CLIENT_HEADER_TIMEOUT_MS
CLIENT_IDLE_TIMEOUT_MS UPSTREAM_IDLE_TIMEOUT_MS UPSTREAM_MAX_IDLE MAX_IN_FLIGHT MAX_CONNECTIONS
MAX_HEADER_BYTES MAX_HEADER_COUNT UPSTREAM_MAX_HEADER_BYTES MAX_BODY_BYTES STREAM_LARGE_BODIES
STREAM_THRESHOLD_BYTES HEALTHCHECK HEALTHCHECK_INTERVAL_SECS HEALTHCHECK_PATH
HEALTHCHECK_TIMEOUT_MS HEALTHCHECK_HEALTHY_THRESHOLD HEALTHCHECK_UNHEALTHY_THRESHOLD FAIL_OPEN
CIRCUIT_BREAKER CIRCUIT_BREAKER_FAILURE_THRESHOLD CIRCUIT_BREAKER_OPEN_MS RETRY_MAX_ATTEMPTS
RETRY_BACKOFF_BASE_MS RETRY_BACKOFF_MAX_MS RETRY_BUDGET_PERCENT SHUTDOWN_GRACE_SECONDS
SHUTDOWN_DELAY_SECONDS TRUSTED_PROXIES METRICS_BEARER_TOKEN EXPOSE_DEBUG_HEADERS LOG_LEVEL
LOG_FORMAT ACCESS_LOG ACCESS_LOG_QUERY STATUS_PAGE OTLP_ENDPOINT OTLP_HEADERS TRACE_SAMPLE_PERCENT""".split()


class CommandLine(unittest.TestCase):
    def test_help_names_every_setting(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for name in SETTINGS:
            self.assertIn("REVERSE_PROXY_" + name, done.stdout)

    def test_version(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^reverse-proxy \d+\.\d+\.\d+\n$")

    def test_wrong_usage_is_64(self):
        for arguments in (["--no-such-flag"], ["surprise"], ["--check-config", "surprise"]):
            done = run(*arguments, UPSTREAMS=UPSTREAM)
            self.assertEqual(done.returncode, 64, arguments)
            self.assertNotEqual(done.stderr, "")

    def test_check_config_of_a_valid_one_is_a_line_and_0(self):
        done = run("--check-config", UPSTREAMS=UPSTREAM)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count("\n"), 1)

    def test_all_mistakes_are_told_in_one_run(self):
        wrong = {"UPSTREAMS": "https://127.0.0.1:9", "CONNECT_TIMEOUT_MS": "soon",
                 "MAX_IN_FLIGHT": "0", "LISTEN": "nowhere", "LOG_FORMAT": "xml",
                 "HEALTHCHECK": "perhaps", "TRUSTED_PROXIES": "10.0.0.0/33",
                 "MAX_HEADER_BYTES": "10", "RETRY_BUDGET_PERCENT": "101", "MAX_INFLIGHT": "5"}
        for arguments in (["--check-config"], []):
            done = run(*arguments, **wrong)
            self.assertEqual(done.returncode, 78)
            lines = done.stderr.splitlines()
            for name, value in wrong.items():
                about = [line for line in lines if line.startswith(f"REVERSE_PROXY_{name}:")]
                self.assertEqual(len(about), 1, f"{name} in {lines}")
                if name != "MAX_INFLIGHT":
                    self.assertIn(value, about[0])
        unknown = [line for line in lines if "MAX_INFLIGHT" in line]
        self.assertIn("REVERSE_PROXY_MAX_IN_FLIGHT", unknown[0])

    def test_without_upstreams_nothing_starts(self):
        done = run()
        self.assertEqual(done.returncode, 78)
        self.assertIn("REVERSE_PROXY_UPSTREAMS", done.stderr)

    def test_empty_means_unset(self):
        done = run("--print-config", UPSTREAMS=UPSTREAM, MAX_IN_FLIGHT="", ADMIN_LISTEN="")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(str(json.loads(done.stdout)["REVERSE_PROXY_MAX_IN_FLIGHT"]), "1024")

    def test_booleans_and_lists_are_read_as_people_write_them(self):
        for text, value in (("YES", "true"), ("on", "true"), ("1", "true"), ("False", "false"),
                            ("no", "false"), ("0", "false"), ("oFF", "false")):
            done = run("--print-config", UPSTREAMS=f" {UPSTREAM} , http://127.0.0.1:10/x ",
                       HEALTHCHECK=text)
            self.assertEqual(done.returncode, 0, done.stderr)
            effective = json.loads(done.stdout)
            self.assertEqual(str(effective["REVERSE_PROXY_HEALTHCHECK"]).lower(), value)

    def test_print_config_is_flat_and_whole_and_shows_no_secret(self):
        done = run("--print-config", UPSTREAMS=UPSTREAM, METRICS_BEARER_TOKEN="s3cret-token")
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        effective = json.loads(done.stdout)
        self.assertEqual(set(effective), {"REVERSE_PROXY_" + name for name in SETTINGS})
        self.assertEqual(effective["REVERSE_PROXY_METRICS_BEARER_TOKEN"], "***")
        self.assertEqual(effective["REVERSE_PROXY_LISTEN"], "0.0.0.0:8000")
        for value in effective.values():
            self.assertNotIsInstance(value, (dict, list))

    def test_an_address_in_use_is_69(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = run(UPSTREAMS=UPSTREAM, LISTEN=f"127.0.0.1:{port}")
        self.assertEqual(done.returncode, 69)
        self.assertIn(str(port), done.stdout + done.stderr)


class Secrets(unittest.TestCase):
    def test_come_from_a_file_and_are_never_printed(self):
        directory = self.enterContext(Directory())
        secret = directory / "token"
        secret.write_text("s3cret-token\n", encoding="ascii")
        origin = self.enterContext(simple_origin())
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url, METRICS_BEARER_TOKEN_FILE=secret,
                                        LOG_LEVEL="trace"))
        self.assertEqual(proxy.get("/metrics")[0].status, 401)
        authorised = {"Authorization": "Bearer s3cret-token"}
        self.assertEqual(proxy.get("/metrics", authorised)[0].status, 200)
        proxy.get("/login?password=hunter2", {"Cookie": "session=c00kie",
                                              "Authorization": "Basic cGFzc3dvcmQ="})
        proxy.wait_line(lambda line: "/login" in line)
        for hidden in ("s3cret-token", "hunter2", "c00kie", "cGFzc3dvcmQ="):
            self.assertNotIn(hidden, proxy.output)

    def test_twice_or_unreadable_is_a_mistake(self):
        directory = self.enterContext(Directory())
        secret = directory / "token"
        secret.write_text("x", encoding="ascii")
        both = run("--check-config", UPSTREAMS=UPSTREAM, METRICS_BEARER_TOKEN="s3cret",
                   METRICS_BEARER_TOKEN_FILE=secret)
        self.assertEqual(both.returncode, 78)
        self.assertNotIn("s3cret", both.stderr)
        missing = run("--check-config", UPSTREAMS=UPSTREAM,
                      METRICS_BEARER_TOKEN_FILE=directory / "missing")
        self.assertEqual(missing.returncode, 78)


class Listening(unittest.TestCase):
    def test_admin_listen_is_apart(self):
        origin = self.enterContext(simple_origin(b"from the origin"))
        admin = free_port()
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url, ADMIN_LISTEN=f"127.0.0.1:{admin}"))
        self.assertEqual(proxy.get("/healthz")[1], b"from the origin")
        proxy.port = admin
        self.assertEqual(json.loads(proxy.get("/healthz")[1]), {"status": "ok"})
        self.assertEqual(proxy.get("/")[0].status, 404)


if __name__ == "__main__":
    unittest.main()
