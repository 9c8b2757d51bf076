#!/usr/bin/env python3
"""Checks docs/proof: all files are there and whole, and name nothing of the machine they were made on."""

import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROOF = ROOT / "docs" / "proof"
# Of text only: paths of homes and build folders, addresses other than loopback.
LOCAL = re.compile(r"/(?:home|root|work|tmp|builds?|github)/|\b(?!127\.0\.0\.)\d+\.\d+\.\d+\.\d+\b")


def mistakes():
    for name in ("pressure.png", "health.png"):
        content = (PROOF / name).read_bytes()
        width, height = struct.unpack(">II", content[16:24])
        if not content.startswith(b"\x89PNG\r\n\x1a\n") or not content.endswith(b"IEND\xaeB`\x82"):
            yield f"{name} is no whole PNG"
        if width < 1000 or height < 600 or len(content) < 20_000:
            yield f"{name} is {width} by {height} in {len(content)} bytes"
    features = (PROOF / "proxy_features_output.txt").read_text(encoding="utf-8")
    passed = len(re.findall(r"\.\.\. ok$", features, re.MULTILINE))
    ran = int(re.search(r"^Ran (\d+) tests", features, re.MULTILINE).group(1))
    if not re.search(r"^OK", features, re.MULTILINE) or passed < 50 or re.search("FAIL|ERROR", features):
        yield f"proxy_features_output.txt: {passed} of {ran} passed"
    sample = (PROOF / "metrics_sample.txt").read_text(encoding="utf-8")
    known = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    families = set(re.findall(r"^# TYPE (\w+)", sample, re.MULTILINE))
    if len(families) < 25:
        yield f"metrics_sample.txt has {len(families)} metrics"
    yield from (f"metrics_sample.txt: {name} is not in docs/metrics.md"
                for name in families if f"| `{name}` |" not in known)
    if not re.search(r'breaker_transitions_total\{.*to="closed"\} [1-9]', sample):
        yield "metrics_sample.txt: no breaker has closed again"
    for path in PROOF.glob("*.txt"):
        found = LOCAL.search(path.read_text(encoding="utf-8"))
        if found:
            yield f"{path.name} names {found.group()}"


if __name__ == "__main__":
    wrong = list(mistakes())
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
