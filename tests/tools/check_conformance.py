#!/usr/bin/env python3
"""Checks docs/conformance.md: every test it names exists, and no rule is left open.

Rows are `| section | level | what is asked | status | shown by |`. A rule that is met, by whatever
way, names a test; one that does not apply says why.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STATUSES = {"met", "refused", "stricter", "n/a"}
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "ought"}


def known_tests(root):
    """Names as the page writes them: Suite.Test of GoogleTest, test_file.test_name of Python."""
    names = set()
    for path in (root / "tests").rglob("*_test.cpp"):
        text = path.read_text(encoding="utf-8")
        for suite, name in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text, re.MULTILINE):
            names.add(f"{suite}.{name}")
    for path in (root / "tests").rglob("test_*.py"):
        for name in re.findall(r"^    def (test_\w+)\(", path.read_text(encoding="utf-8"),
                               re.MULTILINE):
            names.add(f"{path.stem}.{name}")
    return names


def mistakes(page, tests):
    found = []
    rows = 0
    for number, line in enumerate(page.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 5 or cells[1] not in LEVELS:
            continue
        rows += 1
        section, _, _, status, shown = cells
        named = re.findall(r"`(\w+\.\w+)`", shown)
        if status not in STATUSES:
            found.append(f"{number}: {section}: status '{status}'")
        elif status != "n/a" and not named:
            found.append(f"{number}: {section}: no test is named")
        elif not shown:
            found.append(f"{number}: {section}: no reason is given")
        found += [f"{number}: {section}: there is no test {name}"
                  for name in named if name not in tests]
    if rows < 100:
        found.append(f"{rows} rules: the page has lost some, or its tables are written differently")
    return found


def self_test():
    """That each kind of mistake is found."""
    good = "| 1 | MUST | x | met | `A.B` |\n" * 100
    assert mistakes(good, {"A.B"}) == []
    for bad in ("| 1 | MUST | x | open | `A.B` |", "| 1 | MUST | x | met | surely |",
                "| 1 | MUST | x | n/a | |", "| 1 | MUST | x | met | `A.C` |"):
        assert len(mistakes(good + bad, {"A.B"})) == 1, bad
    assert len(mistakes("", set())) == 1


if __name__ == "__main__":
    self_test()
    wrong = mistakes((ROOT / "docs" / "conformance.md").read_text(encoding="utf-8"),
                     known_tests(ROOT))
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
