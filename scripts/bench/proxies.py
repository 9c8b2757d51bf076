"""The proxies under comparison and the origin behind them: processes with the settings they get, and
what they cost."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from ports import free_port  # pylint: disable=wrong-import-position
from processes import descendants  # pylint: disable=wrong-import-position

PROXY_CPU, LOAD_CPU = "0", "1"
START_SECONDS = 10
MOST_CONNECTIONS = 8200  # HAProxy wants two descriptors for each; 20,000 are usual

# The same for all: nothing ends while a run takes.
LASTING = "keepalive_timeout 3600s; keepalive_requests 100000000; tcp_nodelay on;"


def need(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"{', '.join(missing)} not found; scripts/install-packages.sh bench installs"
                         " all that is needed")


class Process:
    """One started process on chosen processors; ended by its own identifier."""

    def __init__(self, command, cpus, port, folder, environment=None, output=None):
        self.port = port
        log = output or folder / f"{pathlib.Path(command[0]).name}-{port}.log"
        with open(log, "ab") as file:
            self._process = subprocess.Popen(
                ["taskset", "-c", cpus, *map(str, command)], stdin=subprocess.DEVNULL, stdout=file,
                stderr=file, env={**os.environ, **(environment or {})})
        self.pid = self._process.pid  # taskset becomes the command
        try:
            self._wait_listening(log)
        except BaseException:
            self.end()
            raise

    def _wait_listening(self, log):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self._process.args} does not listen:\n{pathlib.Path(log).read_text()}")

    def end(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _with_children(self):
        return [self.pid, *descendants(self.pid)]

    def cpu_seconds(self):
        """User and system time of all threads (schedstat counts nanoseconds)."""
        return sum(int(stat.read_text().split()[0]) for pid in self._with_children()
                   for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9

    def user_seconds(self):
        """Of these, what was spent outside the kernel."""
        return sum(int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11])
                   for pid in self._with_children()) / os.sysconf("SC_CLK_TCK")

    def memory_kib(self):
        """Proportional set size."""
        return sum(int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup")
                                 .read_text(), re.MULTILINE)[1]) for pid in self._with_children())


def nginx_config(folder, name, http):
    places = "".join(f"{kind}_temp_path {folder}/{name}-{kind}; "
                     for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = folder / f"{name}.conf"
    path.write_text(f"""
daemon off; master_process on; worker_processes 1; pid {folder}/{name}.pid; error_log /dev/null;
events {{ worker_connections 18000; multi_accept on; }}
http {{ access_log off; {LASTING} {places} client_max_body_size 0; {http} }}
""")
    return ["nginx", "-p", str(folder), "-c", str(path)]


def start_origin(folder, endpoints=1, cpus=LOAD_CPU):
    """An nginx with small and large content. @return the process, and its `endpoints` addresses"""
    content = folder / "content"
    content.mkdir(exist_ok=True)
    for name, size in (("64k", 1 << 16), ("1m", 1 << 20), ("10m", 10 << 20)):
        (content / name).write_bytes(os.urandom(1024) * (size // 1024))
    folder.chmod(0o755)  # nginx's worker is another user
    port = free_port()
    # Loopback is a whole network: any number of endpoints on one port.
    addresses = [f"127.0.{i // 250}.{i % 250 + 1}:{port}" for i in range(endpoints)]
    listen = " ".join(f"listen {address} backlog=4096;" for address in addresses)
    http = f"""
  sendfile on; client_body_buffer_size 1m;
  server {{
    {listen}
    location /small {{ default_type text/plain; return 200 "{'x' * 1024}"; }}
    location = /tiny {{ default_type text/plain; return 200 "ok"; }}
    location = /sink {{ proxy_pass http://{addresses[0]}/tiny; proxy_method GET;
                        proxy_pass_request_body off; proxy_set_header Content-Length ""; }}
    location / {{ root {content}; }}
  }}"""
    return Process(nginx_config(folder, f"origin-{port}", http), cpus, port, folder), addresses


def start_nginx(folder, upstreams, cpus=PROXY_CPU, tuned=False, **_):
    port = free_port()
    servers = " ".join(f"server {address};" for address in upstreams)
    buffers = "proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;"
    http = f"""
  upstream origins {{ {servers} keepalive 4096; {LASTING.replace('tcp_nodelay on;', '')} }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://origins; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http;
      proxy_set_header X-Forwarded-Host $http_host; proxy_request_buffering off;
      proxy_max_temp_file_size 0; {buffers if tuned else ''}
    }}
  }}"""
    return Process(nginx_config(folder, f"nginx-{port}", http), cpus, port, folder)


def start_haproxy(folder, upstreams, cpus=PROXY_CPU, tuned=False, **_):
    port = free_port()
    servers = "\n".join(f"  server s{i} {address} pool-max-conn 4096"
                        for i, address in enumerate(upstreams))
    path = folder / f"haproxy-{port}.cfg"
    path.write_text(f"""
global
  nbthread 1
  maxconn {MOST_CONNECTIONS}
  {'maxpipes 1024' if tuned else ''}
defaults
  mode http
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout http-keep-alive 3600s
  http-reuse always
  option forwardfor
  {'option splice-auto' if tuned else ''}
frontend clients
  bind 127.0.0.1:{port} backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend origins
backend origins
  balance roundrobin
{servers}
""")
    return Process(["haproxy", "-db", "-f", path], cpus, port, folder)


def start_ours(folder, upstreams, cpus=PROXY_CPU, binary=None, settings=None, output=None, **_):
    port = free_port()
    environment = {
        "LISTEN": f"127.0.0.1:{port}",
        "UPSTREAMS": ",".join(f"http://{address}" for address in upstreams),
        "WORKERS": "1",
        "MAX_IN_FLIGHT": str(MOST_CONNECTIONS),
        "MAX_CONNECTIONS": str(MOST_CONNECTIONS),
        "CLIENT_IDLE_TIMEOUT_MS": "3600000",
        "ACCESS_LOG": "false",
        **(settings or {}),
    }
    return Process([binary], cpus, port, folder, output=output,
                   environment={f"REVERSE_PROXY_{name}": value
                                for name, value in environment.items()})


def built(name):
    """A program of tests/bench, of the same build as the daemon."""
    program = ROOT / "build" / "release" / "tests" / "bench" / name
    if not program.exists():
        raise SystemExit(f"{program} is missing; after scripts/bench/instructions.py, which configures the"
                         f" benchmarks, cmake --build build/release --target {name} builds it")
    return program


def start_byte_pump(folder, upstreams, cpus=PROXY_CPU):
    """What moves bytes and knows no HTTP; to the first upstream."""
    port = free_port()
    return Process([built("byte_pump"), port, *upstreams[0].rsplit(":", 1)], cpus, port, folder)


# name: (what starts it, whether tuned for large content)
PROXIES = {
    "ours": (start_ours, False),
    "nginx": (start_nginx, False),
    "haproxy": (start_haproxy, False),
    "nginx-tuned": (start_nginx, True),
    "haproxy-tuned": (start_haproxy, True),
}


def start(name, folder, upstreams, **options):
    starter, tuned = PROXIES[name]
    return starter(folder, upstreams, tuned=tuned, **options)
