"""The container image: small, nobody's, with nothing but the daemon; and it runs."""

import http.client
import os
import signal
import unittest

from containers import Container, checked, configuration
from support import free_port, wait_until

IMAGE = os.environ["REVERSE_PROXY_IMAGE"]
DAEMON = "/usr/bin/reverse-proxy"


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Image(unittest.TestCase):
    def test_what_it_says_of_itself(self):
        config = configuration(IMAGE)
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["StopSignal"], "SIGTERM")
        self.assertEqual(config["Entrypoint"], [DAEMON])
        self.assertEqual(config["Healthcheck"]["Test"], ["CMD", DAEMON, "--healthcheck"])
        # The check itself takes at most three seconds.
        self.assertGreater(config["Healthcheck"]["Timeout"], 3e9)

    def test_holds_the_daemon_and_little_else(self):
        with Container(IMAGE) as container:
            files = [path for path in container.root.rglob("*")
                     if path.is_file() and not path.is_symlink()]
            size = sum(path.stat().st_size for path in files)
            print(f"{len(files)} files, {size / 1e6:.1f} MB")
            self.assertLess(size, 30e6)
            programs = {str(path.relative_to(container.root)) for path in files
                        if os.access(path, os.X_OK) and ".so" not in path.name}
            self.assertEqual(programs, {"usr/bin/reverse-proxy"})
            self.assertEqual([path for path in files if path.stat().st_mode & 0o6002], [])
            # Of every package it is known which it is, and under which licence.
            names = {path.name for path in (container.root / "var/lib/dpkg/status.d").iterdir()}
            self.assertLessEqual({"reverse-proxy", "libc6", "libssl3", "libstdc++6"}, names)
            for name in names:
                self.assertTrue((container.root / "usr/share/doc" / name / "copyright").is_file())

    def test_runs_is_healthy_and_drains(self):
        with Container(IMAGE) as container:
            settings = {"LISTEN": f"127.0.0.1:{free_port()}",
                        "ADMIN_LISTEN": f"127.0.0.1:{free_port()}"}
            check = [DAEMON, "--healthcheck"]
            self.assertEqual(container.run(*check, **settings).returncode, 1)
            daemon = container.start(DAEMON, "--demo", executable=DAEMON, **settings)
            wait_until(lambda: container.run(*check, **settings).returncode == 0, "healthy")
            self.assertEqual(daemon.status("Uid")[0], "65532")
            self.assertEqual(get(int(settings["LISTEN"].rsplit(":", 1)[1]), "/")[0], 200)
            self.assertEqual(get(int(settings["ADMIN_LISTEN"].rsplit(":", 1)[1]), "/readyz")[0],
                             200)
            code, output = daemon.stop(signal.SIGTERM)
            self.assertEqual(code, 0, output)
            self.assertIn("stopped", output)
            self.assertEqual(container.run(*check, **settings).returncode, 1)

    def test_looks_up_names(self):
        with Container(IMAGE) as container:
            port = free_port()
            daemon = container.start(DAEMON, executable=DAEMON, LISTEN=f"localhost:{port}",
                                     UPSTREAMS="http://localhost:9")
            wait_until(lambda: container.run(DAEMON, "--healthcheck",
                                             LISTEN=f"localhost:{port}").returncode == 0, "healthy")
            self.assertEqual(get(port, "/")[0], 502)
            self.assertEqual(daemon.stop(signal.SIGTERM)[0], 0)

    def test_says_its_version(self):
        with Container(IMAGE) as container:
            version = IMAGE.rsplit(":", 1)[1]
            self.assertEqual(checked(container.run(DAEMON, "--version")),
                             f"reverse-proxy {version}\n")


if __name__ == "__main__":
    unittest.main()
