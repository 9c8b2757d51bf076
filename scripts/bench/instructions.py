#!/usr/bin/env python3
"""Counts the instructions of each micro-benchmark and compares them with those on file.

    scripts/bench/instructions.py             exit 1 where a case costs over 5 % more than the file says
    scripts/bench/instructions.py --update    writes the file anew (tests/bench/instructions.json)
    scripts/bench/instructions.py --self-test

Builds the release preset with its benchmarks and runs them under callgrind. The counts repeat to well
under 1 %, but they are those of one compiler and one C library: with others there is nothing to compare
and the script says so (exit 0).
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "tests" / "bench" / "instructions.json"
BINARY = ROOT / "build" / "release" / "tests" / "bench" / "micro_benchmarks"
TOLERANCE_PERCENT = 5
BOUND_SECONDS = 300

BUILD = """
source "$root/scripts/lib/build.sh"
install_packages build bench
configure_preset release -DREVERSE_PROXY_BENCHMARKS=ON
build_preset release --target micro_benchmarks
"""


def toolchain():
    """What the counts depend on beside the code."""
    cache = (ROOT / "build" / "release" / "CMakeCache.txt").read_text(encoding="utf-8")
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.MULTILINE)[1]
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    # Without the name it was called by: c++ and g++ are one.
    return {"compiler": version.stdout.splitlines()[0].split(maxsplit=1)[1],
            "library": " ".join(platform.libc_ver()),
            "machine": platform.machine()}


def count():
    """Instructions per run of each case."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "count"
        # The C library chooses its memcpy by processor; this one is everywhere.
        environment = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX,-ERMS,-FSRM"}
        ran = subprocess.run(
            ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={out}", str(BINARY),
             "--instructions"],
            env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=BOUND_SECONDS)
        runs = int(ran.stdout)
        counts = {}
        for dump in pathlib.Path(folder).glob("count.*"):
            text = dump.read_text(encoding="utf-8")
            name = re.search(r"^desc: Trigger: Client Request: (.+)$", text, re.MULTILINE)
            if name:
                total = int(re.search(r"^summary: (\d+)$", text, re.MULTILINE)[1])
                counts[name[1]] = round(total / runs, 1)
    if not counts:
        raise SystemExit("instructions: callgrind left no counts")
    return counts


def compare(on_file, counted):
    """@return lines to print, and how many of them are faults"""
    lines, faults = [], 0
    for name in sorted(on_file.keys() | counted.keys()):
        before, now = on_file.get(name), counted.get(name)
        if before is None or now is None:
            faults += 1
            lines.append(f"{name}: {'not on file' if before is None else 'no longer measured'};"
                         " run scripts/bench/instructions.py --update")
            continue
        percent = 100 * (now / before - 1)
        verdict = ""
        if percent > TOLERANCE_PERCENT:
            faults += 1
            verdict = "  COSTS MORE than the file allows; say why and --update, or make it cheaper"
        elif percent < -TOLERANCE_PERCENT:
            verdict = "  cheaper: keep it so with --update"
        lines.append(f"{name:26} {before:9.1f} -> {now:9.1f} {percent:+6.1f} %{verdict}")
    return lines, faults


def self_test():
    assert compare({"a": 100}, {"a": 104.9})[1] == 0
    assert compare({"a": 100}, {"a": 105.1})[1] == 1
    lines, faults = compare({"a": 100}, {"a": 94})
    assert faults == 0 and "--update" in lines[0]
    assert compare({"a": 100}, {"b": 100})[1] == 2


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    self_test()
    if arguments.self_test:
        return 0
    subprocess.run(["bash", "-euo", "pipefail", "-c", BUILD], check=True,
                   env={**os.environ, "root": str(ROOT)})
    here = toolchain()
    if arguments.update:
        FILE.write_text(json.dumps({"toolchain": here, "instructions": dict(sorted(count().items()))},
                                   indent=2) + "\n",
                        encoding="utf-8")
        print(FILE.read_text(encoding="utf-8"), end="")
        return 0
    on_file = json.loads(FILE.read_text(encoding="utf-8"))
    if on_file["toolchain"] != here:
        print(f"instructions: SKIPPED: the counts on file are of {on_file['toolchain']},"
              f" this is {here}")
        return 0
    lines, faults = compare(on_file["instructions"], count())
    print(*lines, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
