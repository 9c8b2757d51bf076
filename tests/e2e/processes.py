"""Processes as /proc shows them, while they come and go. Standard library only."""

import contextlib
import os
import pathlib


def descendants(pid):
    """Children of `pid`, theirs, and so on; what ends meanwhile may be left out."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # each has children of its own
            with contextlib.suppress(OSError):
                children = pathlib.Path(f"/proc/{pid}/task/{thread}/children")
                found += map(int, children.read_text(encoding="ascii").split())
    return found + [below for child in found for below in descendants(child)]
