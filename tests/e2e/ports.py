"""Ports for servers that tests and benchmarks start. Standard library only.

A port the system hands out (port 0) and gets back may be handed out again before its server listens:
four in a row had one twice in 16 of 40,000 tries, and two upstreams were one. Or a connection has
it by then. So ports come from beside the range the system takes them from (ip(7),
ip_local_port_range), while there are any, and each is given once.
"""

import pathlib
import random
import socket

FIRST, LAST = 10000, 65535
_claims = []  # held until this process ends


def _candidates():
    text = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    low, high = map(int, text.split())
    every = random.sample(range(FIRST, LAST + 1), LAST + 1 - FIRST)
    return sorted(every, key=lambda port: low <= port <= high)  # those beside come first


def _claimed(port):
    """Whether this process may have `port`: of several, as of a parallel suite, only one gets it.
    The claim is a name of the network's namespace, as the port is (unix(7), abstract)."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0reverse-proxy test port {port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def free_port(address="127.0.0.1"):
    """A port of `address` on which nobody listens, and nobody will but who asked for it."""
    for port in _candidates():
        if not _claimed(port):
            continue
        with socket.socket() as probe:
            # As a server does: what is left of ended connections is no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
                return port
            except OSError:
                pass  # somebody else's
    raise RuntimeError(f"no port of {FIRST} to {LAST} is free")
