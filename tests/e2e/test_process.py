"""What the daemon is as a process: its user, its hardening, its system calls, its secrets."""

import configparser
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import unittest

from support import (BOUND_SECONDS, SANITIZED, Directory, Proxy, binary, environment, run,
                     simple_origin, tool, wait_until)

UNIT = (pathlib.Path(__file__).parent.parent.parent / "scripts" / "packaging" / "systemd" /
        "reverse-proxy.service")
RELEASE = os.environ.get("REVERSE_PROXY_CONFIGURATION") == "Release"
UPSTREAM = "http://127.0.0.1:9"


def systemd_analyze():
    """systemd comes with the host, not with the tests: a container without it skips."""
    path = shutil.which("systemd-analyze")
    if not path:
        raise unittest.SkipTest("there is no systemd-analyze")
    return path


class Multiple(dict):
    """Keys that repeat, as unit files have them: values are lists."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def unit_settings():
    parser = configparser.RawConfigParser(strict=False, dict_type=Multiple, interpolation=None)
    parser.optionxform = str
    parser.read(UNIT, encoding="utf-8")
    return {key: value.split("\n") for section in parser.sections()
            for key, value in parser.items(section)}


class SystemdUnit(unittest.TestCase):
    def test_is_confined(self):
        settings = unit_settings()
        for name, value in {"DynamicUser": "yes", "ProtectSystem": "strict", "ProtectHome": "yes",
                            "NoNewPrivileges": "yes", "MemoryDenyWriteExecute": "yes",
                            "PrivateTmp": "yes", "PrivateDevices": "yes",
                            "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
                            "RestrictNamespaces": "yes", "SystemCallArchitectures": "native",
                            "Type": "notify",
                            "EnvironmentFile": "/etc/default/reverse-proxy"}.items():
            self.assertEqual(settings[name], [value], name)
        self.assertEqual(settings["SystemCallFilter"][0], "@system-service")
        self.assertGreaterEqual(int(settings["LimitNOFILE"][0]), 10000 + 1024 + 160 * 64 + 128)

    def test_does_not_restart_in_vain(self):
        settings = unit_settings()
        self.assertEqual(settings["Restart"], ["on-failure"])
        final = set(settings["RestartPreventExitStatus"][0].split())
        self.assertEqual(run("--no-such-flag").returncode, 64)
        self.assertEqual(run().returncode, 78)
        self.assertEqual(final, {"64", "69", "78"})
        # Longer than the drain that the daemon promises.
        self.assertGreater(int(settings["TimeoutStopSec"][0]), 30)

    def test_is_well_formed(self):
        directory = self.enterContext(Directory())
        text = UNIT.read_text(encoding="utf-8")
        text = text.replace("/usr/bin/reverse-proxy", str(pathlib.Path(binary()).resolve()))
        copy = directory / UNIT.name
        copy.write_text(text, encoding="utf-8")
        done = subprocess.run([systemd_analyze(), "verify", "--man=no", str(copy)],
                              capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = subprocess.run([systemd_analyze(), "security", "--offline=true", "--threshold=25",
                               "--no-pager", str(copy)],
                              capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-400:])  # 2.5 of 10 at most


class Hardening(unittest.TestCase):
    def readelf(self, *flags):
        return subprocess.run([tool("readelf"), "-W", *flags, binary()], capture_output=True,
                              text=True, timeout=BOUND_SECONDS, check=True).stdout

    def test_of_every_build(self):
        self.assertRegex(self.readelf("-h"), r"Type:\s+DYN")
        segments = self.readelf("-l")
        self.assertIn("GNU_RELRO", segments)
        self.assertRegex(segments, r"GNU_STACK.* RW +0x")
        self.assertNotRegex(segments, r"LOAD.* RWE ")

    @unittest.skipUnless(RELEASE, "the other builds are for looking inside")
    def test_of_the_release_build(self):
        dynamic = self.readelf("-d")
        self.assertIn("BIND_NOW", dynamic)
        self.assertRegex(dynamic, r"FLAGS_1.*NOW.*PIE")
        symbols = self.readelf("--dyn-syms")
        self.assertIn("__stack_chk_fail", symbols)
        self.assertRegex(symbols, r"__(memcpy|snprintf|vsnprintf|sprintf|strcat)_chk")


@unittest.skipIf(SANITIZED, "a sanitizer makes calls of its own")
class SystemCalls(unittest.TestCase):
    def allowed(self):
        """What the unit's SystemCallFilter lets through."""
        def members(name):
            text = subprocess.run([systemd_analyze(), "syscall-filter", "--no-pager", name],
                                  capture_output=True, text=True, timeout=BOUND_SECONDS,
                                  check=True).stdout
            calls = set()
            for word in re.findall(r"^    ([@\w-]+)$", text, re.MULTILINE):
                calls |= members(word) if word.startswith("@") else {word}
            return calls

        calls = set()
        for line in unit_settings()["SystemCallFilter"]:
            listed = set()
            for word in line.lstrip("~").split():
                listed |= members(word) if word.startswith("@") else {word}
            calls = calls - listed if line.startswith("~") else calls | listed
        return calls | {"execve"}  # systemd's own, before the filter counts

    def test_are_within_the_units_filter(self):
        allowed = self.allowed()
        directory = self.enterContext(Directory())
        record = directory / "calls"
        probe = subprocess.run([tool("strace"), "-o", str(record), "true"], capture_output=True,
                               timeout=BOUND_SECONDS, check=False)
        if probe.returncode != 0:
            raise unittest.SkipTest("this host does not let processes be traced")
        origin = self.enterContext(simple_origin())
        trace = f"exec {tool('strace')} -f -qq -o {record} -e signal=none \"$0\" \"$@\""
        host = origin.url.replace("127.0.0.1", "localhost")
        proxy = self.enterContext(Proxy(UPSTREAMS=f"{origin.url},{host}", HEALTHCHECK="true",
                                        HEALTHCHECK_INTERVAL_SECS=1, shell=trace))
        for _ in range(5):
            self.assertEqual(proxy.get()[0].status, 200)
        for path in ("/metrics", "/healthz?check=upstream", "/readyz"):
            self.assertEqual(proxy.get(path)[0].status, 200)
        wait_until(lambda: proxy.metric("reverse_proxy_health_probes_total") > 2, "probes")
        child = pathlib.Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children")
        os.kill(int(child.read_text(encoding="ascii").split()[0]), signal.SIGTERM)
        self.assertEqual(proxy.wait_exit(), 0)
        text = record.read_text(encoding="utf-8", errors="replace")
        made = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", text, re.MULTILINE))
        self.assertIn("epoll_wait", {call.replace("epoll_pwait", "epoll_wait") for call in made})
        self.assertEqual(made - allowed, set())


class AnyUser(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_nobody_will_do(self):
        directory = self.enterContext(Directory())
        directory.chmod(0o755)
        copy = directory / "reverse-proxy"
        shutil.copy(binary(), copy)
        copy.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        origin = self.enterContext(simple_origin())
        as_nobody = ("cd / && exec setpriv --reuid=65534 --regid=65534 --clear-groups "
                     f"--no-new-privs --bounding-set=-all {copy} \"$@\"")
        tool("setpriv")
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url, shell=as_nobody))
        self.assertEqual(proxy.get()[0].status, 200)
        status = pathlib.Path(f"/proc/{proxy.process.pid}/status").read_text(encoding="ascii")
        self.assertRegex(status, r"Uid:\s+65534\s+65534")
        self.assertRegex(status, r"CapEff:\s+0+\n")


class SecretsStaySecret(unittest.TestCase):
    TOKEN = "s3cret-t0ken"

    def assert_hidden(self, *texts):
        for text in texts:
            self.assertNotIn(self.TOKEN, text)

    def test_in_what_is_printed(self):
        for arguments in (["--print-config"], ["--check-config"], ["--help"], ["--version"]):
            done = run(*arguments, UPSTREAMS=UPSTREAM, METRICS_BEARER_TOKEN=self.TOKEN)
            self.assertEqual(done.returncode, 0)
            self.assert_hidden(done.stdout, done.stderr)

    def test_in_errors_about_it(self):
        directory = self.enterContext(Directory())
        for number, wrong in enumerate((f"{self.TOKEN}\nsecond line", f"{self.TOKEN}\x01",
                                        f"\xe9{self.TOKEN}", f"{self.TOKEN} and more",
                                        self.TOKEN * 10_000)):
            done = run("--check-config", UPSTREAMS=UPSTREAM, METRICS_BEARER_TOKEN=wrong)
            self.assertIn(done.returncode, (0, 78))
            self.assert_hidden(done.stdout, done.stderr)
            secret = directory / f"token{number}"
            secret.write_text(wrong, encoding="utf-8")
            done = run("--check-config", UPSTREAMS=UPSTREAM, METRICS_BEARER_TOKEN_FILE=secret)
            self.assertIn(done.returncode, (0, 78))
            self.assert_hidden(done.stdout, done.stderr)
        for name in ("METRICS_BEARER_TOKN", "METRICS_BEARER_TOKEN_FILES"):
            done = run("--check-config", UPSTREAMS=UPSTREAM, **{name: self.TOKEN})
            self.assertEqual(done.returncode, 78)
            self.assert_hidden(done.stdout, done.stderr)

    def test_where_it_was_given_as_a_flag(self):
        # There is no such flag; the mistake is told without its value's being kept anywhere.
        done = subprocess.run([binary(), f"--metrics-bearer-token={self.TOKEN}"],
                              env=environment({"UPSTREAMS": UPSTREAM}), capture_output=True,
                              text=True, timeout=BOUND_SECONDS, check=False)
        self.assertEqual(done.returncode, 64)

    def test_in_argv_environment_logs_and_metrics(self):
        directory = self.enterContext(Directory())
        secret = directory / "token"
        secret.write_text(self.TOKEN, encoding="ascii")
        origin = self.enterContext(simple_origin())
        proxy = self.enterContext(Proxy(UPSTREAMS=origin.url, METRICS_BEARER_TOKEN_FILE=secret,
                                        LOG_LEVEL="trace", EXPOSE_DEBUG_HEADERS="true"))
        right = {"Authorization": f"Bearer {self.TOKEN}"}
        exposition = proxy.get("/metrics", right)
        self.assertEqual(exposition[0].status, 200)
        wrong = proxy.get("/metrics", {"Authorization": f"Bearer {self.TOKEN}x"})
        self.assertEqual(wrong[0].status, 401)
        self.assertEqual(proxy.get("/past", right)[0].status, 200)
        proxy.wait_line(lambda line: "/past" in line)
        process = pathlib.Path(f"/proc/{proxy.process.pid}")
        self.assert_hidden(proxy.output, exposition[1].decode(), wrong[1].decode(),
                           str(wrong[0].getheaders()),
                           (process / "cmdline").read_text(encoding="utf-8"),
                           (process / "environ").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
