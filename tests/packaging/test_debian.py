"""The Debian package: what is in it, and its life on a small Debian system from installing to purging.

No systemd runs there: the daemon is started by the unit's own ExecStart and EnvironmentFile lines, as
a user without rights. What systemd makes of the unit is checked by e2e.process and e2e.supervision.
"""

import gzip
import os
import pathlib
import re
import signal
import subprocess
import unittest

from containers import BOUND_SECONDS, Container, checked
from support import free_port, tool, wait_until

DEB = pathlib.Path(os.environ["REVERSE_PROXY_DEB"])
UNIT = "/lib/systemd/system/reverse-proxy.service"
ENVIRONMENT = "/etc/default/reverse-proxy"
NOBODY = "65534:65534"


def field(name):
    return checked(subprocess.run(["dpkg-deb", "--field", DEB, name], capture_output=True,
                                  text=True, check=False)).strip()


class Contents(unittest.TestCase):
    def listing(self):
        text = checked(subprocess.run(["dpkg-deb", "--contents", DEB], capture_output=True,
                                      text=True, check=False))
        lines = [line.split(maxsplit=5) for line in text.splitlines()]
        return {line[5][1:]: line for line in lines}

    def test_are_those_of_a_service(self):
        files = {path for path in self.listing() if not path.endswith("/")}
        self.assertEqual(files, {
            "/usr/bin/reverse-proxy", UNIT, ENVIRONMENT, "/usr/share/man/man8/reverse-proxy.8.gz",
            "/usr/share/bash-completion/completions/reverse-proxy",
            "/usr/share/doc/reverse-proxy/copyright",
            "/usr/share/doc/reverse-proxy/changelog.Debian.gz"})

    def test_belong_to_root_and_nobody_else_writes(self):
        for path, (mode, owner, *_) in self.listing().items():
            self.assertEqual(owner, "root/root", path)
            self.assertNotRegex(mode, r"^.....w|^........w|s|t", path)

    def test_dependencies_are_the_libraries_it_loads(self):
        depends = field("Depends")
        for library in ("libc6", "libssl3", "libstdc++6", "libspdlog1.10"):
            self.assertIn(library, depends)
        self.assertNotIn("-dev", depends)

    def test_lintian_finds_nothing(self):
        done = subprocess.run([tool("lintian"), "--allow-root", "--fail-on", "error,warning",
                               "--suppress-tags", "initial-upload-closes-no-bugs", DEB],
                              capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")

    def test_the_manual_reads_without_a_warning(self):
        unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", DEB], capture_output=True,
                                  check=True).stdout
        page = gzip.decompress(subprocess.run(
            ["tar", "-xO", "./usr/share/man/man8/reverse-proxy.8.gz"], input=unpacked,
            capture_output=True, check=True).stdout)
        done = subprocess.run([tool("man"), "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-"],
                              input=page, capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"REVERSE", done.stdout)


class Life(unittest.TestCase):
    """One method, since each step begins where the last one ended."""

    def unit(self, container, key):
        text = (container.root / UNIT[1:]).read_text(encoding="utf-8")
        return re.search(rf"^{key}=(.*)$", text, re.MULTILINE)[1]

    def test_from_installing_to_purging(self):
        container = self.enterContext(Container(os.environ["REVERSE_PROXY_BASE"]))
        before = self.files(container)
        (container.root / "tmp" / DEB.name).write_bytes(DEB.read_bytes())
        apt = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq -o Acquire::Retries=3 --no-install-recommends -y "
        container.sh("apt-get -qq -o Acquire::Retries=3 update")
        container.sh(f"{apt} install /tmp/{DEB.name}")
        self.assertEqual(container.sh("dpkg --audit; dpkg --verify reverse-proxy"), "")

        # Installed and not started, nor to be started, since nothing is configured.
        wants = container.root / "etc/systemd/system/multi-user.target.wants"
        self.assertFalse((wants / "reverse-proxy.service").is_symlink())
        settings = f"set -a; . {self.unit(container, 'EnvironmentFile')}; set +a; exec "
        prepare = settings + self.unit(container, "ExecStartPre")
        start = settings + self.unit(container, "ExecStart")
        done = container.run("sh", "-euc", prepare, user=NOBODY)
        self.assertEqual(done.returncode, 78)
        self.assertIn("REVERSE_PROXY_UPSTREAMS", done.stderr)
        completion = "/usr/share/bash-completion/completions/reverse-proxy"
        self.assertIn("--healthcheck",
                      container.sh(f"bash -c '. {completion}; complete -p reverse-proxy'"))

        # Configured, it serves.
        port = free_port()
        environment = container.root / ENVIRONMENT[1:]
        written = environment.read_text(encoding="utf-8").replace("#REVERSE_PROXY_UPSTREAMS",
                                                                  "REVERSE_PROXY_UPSTREAMS")
        written += f"REVERSE_PROXY_LISTEN=127.0.0.1:{port}\n"
        environment.write_text(written, encoding="utf-8")
        checked(container.run("sh", "-euc", prepare, user=NOBODY))
        daemon = container.start("sh", "-euc", start, user=NOBODY,
                                 executable=self.unit(container, "ExecStart"))

        def healthy():
            return container.run("/usr/bin/reverse-proxy", "--healthcheck",
                                 LISTEN=f"127.0.0.1:{port}").returncode == 0

        wait_until(healthy, "healthy")
        self.assertEqual(daemon.status("Uid")[0], "65534")

        # Installed anew while it runs: what was configured stays, and so does the service.
        container.sh(f"{apt} install --reinstall /tmp/{DEB.name}")
        self.assertEqual(environment.read_text(encoding="utf-8"), written)
        self.assertTrue(healthy())

        code, output = daemon.stop(signal.SIGTERM)
        self.assertEqual(code, 0, output)
        self.assertFalse(healthy())

        container.sh(f"{apt} remove reverse-proxy")
        self.assertTrue(environment.exists())
        self.assertFalse((container.root / "usr/bin/reverse-proxy").exists())
        container.sh(f"{apt} purge reverse-proxy")
        left = {path for path in self.files(container) - before if "reverse-proxy" in path}
        self.assertEqual(left, {f"tmp/{DEB.name}"})
        self.assertEqual(container.sh("dpkg --audit"), "")

    @staticmethod
    def files(container):
        return {str(path.relative_to(container.root)) for path in container.root.rglob("*")}


if __name__ == "__main__":
    unittest.main()
