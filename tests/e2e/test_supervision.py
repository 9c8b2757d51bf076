"""What those who supervise the daemon see: sd_notify(3), its watchdog, and --healthcheck."""

import ctypes
import os
import pathlib
import signal
import socket
import threading
import time
import unittest

from support import Directory, Origin, Proxy, free_port, run, simple_origin, wait_until

WATCHDOG_SECONDS = 1.0


class Manager:
    """The service manager's side: a datagram socket, its messages with the time of each."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._new = threading.Condition()
        self.messages = []
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self._reader.start()
        return self

    def __exit__(self, *_):
        address = self._socket.getsockname()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", address)
        self._reader.join()
        self._socket.close()

    def _read(self):
        while message := self._socket.recv(65536):
            with self._new:
                self.messages.append((time.monotonic(), message.decode().splitlines()))
                self._new.notify_all()

    def times(self, line):
        return [when for when, lines in self.messages if line in lines]

    def wait(self, line, count=1, bound=20):
        """@return the time of the count-th message that has this line, or None"""
        with self._new:
            self._new.wait_for(lambda: len(self.times(line)) >= count, bound)
            found = self.times(line)
        return found[count - 1] if len(found) >= count else None


def supervised(address, watchdog=None):
    """A shell command that starts the daemon as systemd would."""
    variables = f"NOTIFY_SOCKET={address} "
    if watchdog:
        variables += f"WATCHDOG_USEC={int(watchdog * 1e6)} WATCHDOG_PID=$$ "
    return variables + 'exec "$0" "$@"'


class FrozenThread:
    """One thread of a process, stopped by ptrace(2) while the others go on: a worker that hangs."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, pid, name):
        threads = pathlib.Path(f"/proc/{pid}/task")
        self.thread = next(int(entry.name) for entry in threads.iterdir()
                           if (entry / "comm").read_text(encoding="utf-8").strip() == name)
        self.stat = threads / str(self.thread) / "stat"

    def _ptrace(self, request):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        libc.ptrace.restype = ctypes.c_long
        if libc.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        try:
            self._ptrace(self.SEIZE)
        except PermissionError:
            raise unittest.SkipTest("this host does not let processes be traced") from None
        self._ptrace(self.INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL: until it has stopped
        return self

    def __exit__(self, *_):
        self._ptrace(self.DETACH)


class Notify(unittest.TestCase):
    def setUp(self):
        self.address = str(self.enterContext(Directory()) / "notify")

    def start(self, address=None, watchdog=None, **settings):
        manager = self.enterContext(Manager((address or self.address).replace("@", "\0")))
        settings = {"UPSTREAMS": "http://127.0.0.1:9", "WORKERS": 2} | settings
        shell = supervised(address or self.address, watchdog)
        return manager, self.enterContext(Proxy(shell=shell, **settings))

    def test_ready_when_the_listeners_answer(self):
        manager = self.enterContext(Manager(self.address))
        # Not entered: that would wait for the port.
        proxy = Proxy(shell=supervised(self.address), UPSTREAMS="http://127.0.0.1:9", WORKERS=4)
        self.addCleanup(proxy.__exit__)
        self.assertIsNotNone(manager.wait("READY=1"), proxy.output)
        for _ in range(20):  # whichever worker gets it
            self.assertEqual(proxy.get("/healthz")[0].status, 200)
        self.assertEqual(manager.messages[0][1], ["READY=1", "STATUS=serving"])
        self.assertEqual(manager.times("WATCHDOG=1"), [])  # nobody watches

    def test_never_ready_where_it_cannot_listen(self):
        manager = self.enterContext(Manager(self.address))
        taken = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        proxy = Proxy(shell=supervised(self.address), UPSTREAMS="http://127.0.0.1:9",
                      LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
        self.addCleanup(proxy.__exit__)
        self.assertEqual(proxy.wait_exit(), 69)
        self.assertEqual(manager.messages, [])

    def test_stopping_before_the_drain(self):
        manager, proxy = self.start(SHUTDOWN_DELAY_SECONDS=4, SHUTDOWN_GRACE_SECONDS=7)
        self.assertIsNotNone(manager.wait("READY=1"))
        proxy.process.send_signal(signal.SIGTERM)
        self.assertIsNotNone(manager.wait("STOPPING=1"))
        self.assertIsNone(proxy.process.poll())
        self.assertEqual(manager.messages[-1][1], ["STOPPING=1", "STATUS=draining",
                                                   "EXTEND_TIMEOUT_USEC=16000000"])
        self.assertEqual(proxy.wait_exit(), 0)

    def test_an_abstract_socket(self):
        manager, _ = self.start(f"@rp-notify-{os.getpid()}")
        self.assertIsNotNone(manager.wait("READY=1"))

    def test_a_manager_that_is_gone_stops_nobody(self):
        origin = self.enterContext(simple_origin())
        for address in (self.address, "vsock:2:1", "nonsense", "/" + "x" * 200):
            with Proxy(UPSTREAMS=origin.url, shell=supervised(address, 1)) as proxy:
                self.assertEqual(proxy.get()[0].status, 200)
                proxy.process.send_signal(signal.SIGTERM)
                self.assertEqual(proxy.wait_exit(), 0)

    def test_the_watchdog_of_another_process_is_not_ours(self):
        manager = self.enterContext(Manager(self.address))
        shell = (f'NOTIFY_SOCKET={self.address} WATCHDOG_USEC=100000 WATCHDOG_PID=1 '
                 'exec "$0" "$@"')
        proxy = self.enterContext(Proxy(UPSTREAMS="http://127.0.0.1:9", shell=shell))
        self.assertIsNotNone(manager.wait("READY=1"))
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.wait_exit(), 0)
        self.assertEqual(manager.times("WATCHDOG=1"), [])

    def test_signs_of_life_at_half_the_watchdogs_time(self):
        started = time.monotonic()
        manager, _ = self.start(watchdog=WATCHDOG_SECONDS)
        self.assertIsNotNone(manager.wait("WATCHDOG=1", 5))
        self.assertGreater(manager.times("WATCHDOG=1")[4] - started,
                           3 * WATCHDOG_SECONDS / 2)  # not more often

    def test_no_sign_of_life_while_a_worker_hangs(self):
        manager, proxy = self.start(watchdog=WATCHDOG_SECONDS)
        self.assertIsNotNone(manager.wait("WATCHDOG=1"))
        with FrozenThread(proxy.process.pid, "worker-1"):
            # One may have been on its way.
            seen = len(manager.times("WATCHDOG=1"))
            self.assertIsNone(manager.wait("WATCHDOG=1", seen + 2, bound=3 * WATCHDOG_SECONDS))
            seen = len(manager.times("WATCHDOG=1"))
        self.assertIsNotNone(manager.wait("WATCHDOG=1", seen + 2))


class Healthcheck(unittest.TestCase):
    def check(self, **settings):
        return run("--healthcheck", **settings)

    def test_on_the_main_and_on_the_admin_listener(self):
        directory = self.enterContext(Directory())
        for admin in ({}, {"ADMIN_LISTEN": f"0.0.0.0:{free_port()}"},
                      {"ADMIN_LISTEN": f"unix:{directory / 'admin'}"}):
            settings = {"LISTEN": f"0.0.0.0:{free_port()}"} | admin
            port = int(settings["LISTEN"].rsplit(":", 1)[1])
            with self.subTest(admin):
                proxy = Proxy(UPSTREAMS="http://127.0.0.1:9", **settings)
                proxy.port = port
                with proxy:
                    done = self.check(**settings)  # needs no upstreams
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                done = self.check(**settings)
                self.assertEqual(done.returncode, 1)
                self.assertIn("unhealthy: ", done.stderr)

    def test_an_answer_other_than_200_is_unhealthy(self):
        def handle(connection, received):
            self.assertTrue(received.startswith(b"GET /healthz HTTP/1.1\r\n"), received)
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

        other = self.enterContext(Origin(handle))
        done = self.check(LISTEN=f"127.0.0.1:{other.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("HTTP/1.1 503", done.stderr)

    def test_a_daemon_that_does_not_answer_is_unhealthy_in_bounded_time(self):
        proxy = self.enterContext(Proxy(UPSTREAMS="http://127.0.0.1:9"))
        address = f"127.0.0.1:{proxy.port}"
        self.assertEqual(self.check(LISTEN=address).returncode, 0)
        proxy.process.send_signal(signal.SIGSTOP)
        try:
            begin = time.monotonic()
            done = self.check(LISTEN=address)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no answer within 3000 ms", done.stderr)
            self.assertLess(time.monotonic() - begin, 10)
        finally:
            proxy.process.send_signal(signal.SIGCONT)
        wait_until(lambda: self.check(LISTEN=address).returncode == 0, "healthy again")

    def test_a_bad_configuration_is_told_as_such(self):
        self.assertEqual(self.check(LISTEN="nowhere").returncode, 78)
        self.assertEqual(run("--healthcheck", "--check-config").returncode, 64)


if __name__ == "__main__":
    unittest.main()
