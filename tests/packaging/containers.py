"""Containers of Buildah, without a container engine: what the package and image tests run in.

REVERSE_PROXY_PACKAGES is the folder of scripts/package.sh; its storage holds the images.
"""

import json
import os
import pathlib
import subprocess

from processes import descendants
from support import tool, wait_until

PACKAGES = pathlib.Path(os.environ["REVERSE_PROXY_PACKAGES"])
BOUND_SECONDS = 300  # apt-get within a container may have to fetch


def buildah(*arguments, **options):
    command = [tool("buildah"), "--root", PACKAGES / "storage", "--runroot",
               PACKAGES / "storage-run", "--storage-driver", "vfs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=BOUND_SECONDS,
                          check=False, **options)


def checked(done):
    if done.returncode != 0:
        raise AssertionError(f"{done.args} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def configuration(image):
    """What Docker's format says of an image."""
    return json.loads(checked(buildah("inspect", "--type", "image", image)))["Docker"]["config"]


class Daemon:
    """A daemon started in a container; `pid` is its own, not that of a process around it."""

    def __init__(self, process, executable):
        self.process = process
        self._executable = executable
        self.pid = None
        wait_until(self._found, f"{executable} runs")

    def _found(self):
        if self.process.poll() is not None:
            raise AssertionError(f"ended early:\n{self.process.stdout.read()}")
        for pid in descendants(self.process.pid):
            try:
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
            except OSError:
                continue
            if command.decode() == self._executable:
                self.pid = pid
        return self.pid is not None

    def status(self, key):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(line.split()[1:] for line in text.splitlines() if line.startswith(key + ":"))

    def stop(self, number):
        """@return its exit code and what it wrote"""
        os.kill(self.pid, number)
        output = self.process.communicate(timeout=BOUND_SECONDS)[0]
        return self.process.returncode, output


class Container:
    def __init__(self, image):
        self._image = image
        self.name = None
        self._started = []

    def __enter__(self):
        self.name = checked(buildah("from", "--pull-never", self._image)).strip()
        self.root = pathlib.Path(checked(buildah("mount", self.name)).strip())
        return self

    def __exit__(self, *_):
        for process in self._started:
            for pid in [*descendants(process.pid), process.pid]:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            process.wait(BOUND_SECONDS)
            process.stdout.close()
        buildah("umount", self.name)
        buildah("rm", self.name)

    @staticmethod
    def _flags(user, settings):
        flags = ["--isolation", "chroot"] + (["--user", user] if user else [])
        for name, value in settings.items():
            flags += ["--env", f"REVERSE_PROXY_{name}={value}"]
        return flags

    def run(self, *command, user=None, **settings):
        return buildah("run", *self._flags(user, settings), self.name, "--", *command)

    def sh(self, script, user=None):
        """Standard output of a script that must succeed."""
        return checked(self.run("sh", "-euc", script, user=user))

    def start(self, *command, executable, user=None, **settings):
        arguments = [tool("buildah"), "--root", PACKAGES / "storage", "--runroot",
                     PACKAGES / "storage-run", "--storage-driver", "vfs", "run",
                     *self._flags(user, settings), self.name, "--", *command]
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self._started.append(process)
        return Daemon(process, executable)
