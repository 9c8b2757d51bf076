#!/usr/bin/env python3
"""Checks what the pages of docs/ call by name: settings, metrics, statuses and errors that exist.

docs/configuration.md and docs/metrics.md are the lists, which unit tests compare with the code; each
failure the code knows has its place in docs/troubleshooting.md.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
# Options of CMake and variables of the tests, in pages that speak of building.
BUILDING = {"REVERSE_PROXY_TESTS", "REVERSE_PROXY_BENCHMARKS", "REVERSE_PROXY_BINARY",
            "REVERSE_PROXY_SANITIZE", "REVERSE_PROXY_COVERAGE", "REVERSE_PROXY_LIBFUZZER"}
SUFFIXES = ("_bucket", "_sum", "_count")


def text_of(path):
    return path.read_text(encoding="utf-8")


def settings():
    return set(re.findall(r"`(REVERSE_PROXY_[A-Z0-9_]+)`", "\n".join(
        line.split("|")[1] for line in text_of(DOCS / "configuration.md").splitlines()
        if line.startswith("| `"))))


def metrics():
    return set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram|summary)",
                          text_of(DOCS / "metrics.md"), re.MULTILINE))


def mistakes_of_page(text, known_settings, known_metrics):
    short = {name.removeprefix("REVERSE_PROXY_") for name in known_settings}
    for name in set(re.findall(r"\bREVERSE_PROXY_[A-Z0-9_]*[A-Z0-9]\b", text)):
        if name not in known_settings | BUILDING:
            yield f"there is no setting {name}"
    for name in set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", text)):
        if name not in short | known_settings | BUILDING:
            yield f"there is no setting {name}"
    for name in set(re.findall(r"\breverse_proxy_[a-z_]*[a-z]\b", text)):
        family = next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
        if not {name, family} & known_metrics:
            yield f"there is no metric {name}"


def failures():
    """@return [(status, error as the log has it)] of src/http/failure_status.cpp"""
    source = text_of(ROOT / "src/http/failure_status.cpp")
    rows = re.findall(r"= (?:row|blaming)\((\d+), \"(\w+)\"\)", source)
    rows += re.findall(r"FailureStatus k\w+\{(\d+), \"\", \"(\w+)\"", source)
    return rows


def mistakes_of_troubleshooting():
    page = text_of(DOCS / "troubleshooting.md")
    sections = re.split(r"^## ", page, flags=re.MULTILINE)
    for status, error in failures():
        if status == "500":
            continue  # a fault of this program has no cure but a report
        about = [section for section in sections if re.search(rf"\b{status}\b", section)
                 and (f"`{error}`" in section)]
        if not about:
            yield f"troubleshooting.md: {status} with {error} is missing"
    reasons = re.search(r"^\| `reason` of `reverse_proxy_rejected_requests_total` \|(.*)\|$",
                        text_of(DOCS / "metrics.md"), re.MULTILINE).group(1)
    for reason in re.findall(r"`(\w+)`", reasons):
        if f"`{reason}`" not in page and f'"{reason}"' not in page:
            yield f"troubleshooting.md: the reason {reason} is missing"


def self_test():
    known = {"REVERSE_PROXY_A_B"}, {"reverse_proxy_m"}
    good = "`REVERSE_PROXY_A_B`, `A_B=1`, reverse_proxy_m_bucket, REVERSE_PROXY_*"
    assert not list(mistakes_of_page(good, *known))
    for bad in ("REVERSE_PROXY_A_C", "`A_C`", "reverse_proxy_n"):
        assert len(list(mistakes_of_page(bad, *known))) == 1, bad
    assert len(failures()) > 15


if __name__ == "__main__":
    self_test()
    names = settings(), metrics()
    wrong = [f"{path.relative_to(ROOT)}: {mistake}"
             for path in sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
             for mistake in mistakes_of_page(text_of(path), *names)]
    wrong += mistakes_of_troubleshooting()
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
