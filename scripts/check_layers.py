#!/usr/bin/env python3
"""Checks who includes whom: the rooms of src/ and include/ may only look down the arrows below.

    scripts/check_layers.py               exit 1 and one line per violation (file:line: what)
    scripts/check_layers.py --self-test   breaks a small tree on purpose and expects to be told

A door header (include/reverse_proxy/<room>/) is for other rooms; a header in src/<room>/ is for its own
room alone. Tests may include everything and are not read.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

# room -> rooms it may include, itself aside.
BASE = {"telemetry", "config", "http", "core", "platform"}  # every room stands on these
ARROWS = {
    "main": BASE | {"server"},
    "server": BASE | {"ingress", "pipeline", "upstream", "admin", "balancing"},
    "ingress": BASE | {"pipeline", "admission", "relay", "modifiers"},
    "pipeline": BASE
    | {"admin", "admission", "routing", "modifiers", "upstream", "relay", "balancing"},
    "upstream": BASE | {"balancing", "relay"},
    "admin": BASE,
    "admission": BASE,
    "routing": BASE,
    "modifiers": BASE,
    "relay": BASE,
    "balancing": BASE,
    "telemetry": {"http", "core"},
    "config": {"http", "core"},
    "http": {"core"},
    "core": {"platform"},
    "platform": set(),
}

INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^">]+)[">]')
SOURCES = {".hpp", ".cpp", ".h", ".cc", ".ipp"}


def check_table(arrows):
    """Refuses a table that names an unknown room or has a cycle."""
    for room, below in arrows.items():
        for unknown in below - arrows.keys():
            raise SystemExit(f"check_layers: {room} may include {unknown}, which is no room")
    left = {room: set(below) for room, below in arrows.items()}
    while left:
        leaves = {room for room, below in left.items() if not below}
        if not leaves:
            raise SystemExit(f"check_layers: the table has a cycle among {', '.join(sorted(left))}")
        left = {room: below - leaves for room, below in left.items() if room not in leaves}


def room_of(path):
    """src/core/x.cpp, include/reverse_proxy/core/x.hpp -> core; a file beside the rooms -> its stem."""
    inside = path.parts[2:] if path.parts[0] == "include" else path.parts[1:]
    return inside[0] if len(inside) > 1 else path.stem


def included(root, path, name):
    """The file inside root that `name` means when `path` includes it, relative to root, or None."""
    for folder in (path.parent, Path("src"), Path("include")):
        candidate = Path(os.path.normpath(folder / name))
        if (root / candidate).is_file():
            return candidate
    return None


def ours(name, arrows):
    """True for a name that can only mean one of our files, though it does not exist."""
    return name.startswith("reverse_proxy/") or name.split("/")[0] in arrows


def violations(root, arrows):
    """Yields "file:line: what is wrong" for every include that breaks a rule."""
    files = (
        path.relative_to(root)
        for top in ("src", "include")
        for path in sorted((root / top).rglob("*"))
        if path.suffix in SOURCES
    )
    for path in files:
        room = room_of(path)
        if room not in arrows:
            yield f"{path}:1: '{room}' is not a room; add it to the table of check_layers.py"
            continue
        text = (root / path).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), start=1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = included(root, path, match[1])
            if target is None:
                if ours(match[1], arrows):
                    yield f"{path}:{number}: {match[1]} does not exist"
                continue
            below = room_of(target)
            if below == room:
                if path.parts[0] == "include" and target.parts[0] == "src":
                    yield f"{path}:{number}: a door must not lead to {target}, private to {below}"
            elif below not in arrows[room]:
                yield f"{path}:{number}: {room} must not include {below} ({match[1]})"
            elif target.parts[0] == "src":
                yield f"{path}:{number}: {target} is private to {below}; move it to include/ to share it"


def self_test():
    arrows = {"main": {"top"}, "top": {"base"}, "side": {"base"}, "base": set()}
    tree = {
        "include/reverse_proxy/base/a.hpp": "#pragma once\n#include <vector>\n",
        "include/reverse_proxy/base/up.hpp": '#include "reverse_proxy/top/b.hpp"\n',
        "include/reverse_proxy/top/b.hpp": '#include "reverse_proxy/base/a.hpp"\n',
        "include/reverse_proxy/top/leak.hpp": '\n#include "top/secret.hpp"\n',
        "src/main.cpp": '#include "reverse_proxy/top/b.hpp"\n',
        "src/top/secret.hpp": "",
        "src/top/b.cpp": '#include "secret.hpp"\n#include "top/secret.hpp"\n',
        "src/top/peek.cpp": '  #  include "base/hidden.hpp"\n#include "../side/c.hpp"\n',
        "src/base/hidden.hpp": "",
        "src/side/c.hpp": '#include "reverse_proxy/base/none.hpp"\n// #include "top/secret.hpp"\n',
        "src/cellar/d.cpp": "",
    }
    expected = [
        "src/cellar/d.cpp:1: 'cellar' is not a room; add it to the table of check_layers.py",
        "src/side/c.hpp:1: reverse_proxy/base/none.hpp does not exist",
        "src/top/peek.cpp:1: src/base/hidden.hpp is private to base; move it to include/ to share it",
        "src/top/peek.cpp:2: top must not include side (../side/c.hpp)",
        "include/reverse_proxy/base/up.hpp:1: base must not include top (reverse_proxy/top/b.hpp)",
        "include/reverse_proxy/top/leak.hpp:2: a door must not lead to src/top/secret.hpp,"
        " private to top",
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        found = list(violations(root, arrows))
    if found != expected:
        print("check_layers: self-test failed; found", *found, "expected", *expected, sep="\n  ")
        return 1
    for broken in ({"a": {"b"}, "b": {"a"}}, {"a": {"ghost"}}):
        try:
            check_table(broken)
        except SystemExit:
            continue
        print(f"check_layers: self-test failed; the table {broken} was accepted")
        return 1
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:]:
        print(__doc__)
        return 2
    check_table(ARROWS)
    found = list(violations(Path(__file__).resolve().parent.parent, ARROWS))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
