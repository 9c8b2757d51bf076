#!/usr/bin/env python3
"""Checks that docs/operations.md lists every line that src/ can log, with its keys, and no other."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADING = "### Every line, and what to do"
# Lines made elsewhere: the access log has a writer of its own; the text of a ListenError.
OTHERS = {"access": set(), "cannot listen on …": set()}
STRING = r'"((?:[^"\\]|\\.)*)"'


def call_text(source, start):
    """Of the call whose opening parenthesis is at `start`."""
    depth = 0
    in_string = False
    for at in range(start, len(source)):
        symbol = source[at]
        if symbol == '"' and source[at - 1] != "\\":
            in_string = not in_string
        elif not in_string and symbol in "({":
            depth += 1
        elif not in_string and symbol in ")}":
            depth -= 1
            if depth == 0:
                return source[start + 1:at]
    raise ValueError("unbalanced: " + source[start:start + 80])


def logged(source):
    """@return {message: its keys} of all calls of log(level, message, fields)"""
    lines = {}
    for call in re.finditer(r"(?<![\w.>])(?:telemetry::)?log\((?=\s*(?:level,|[^)]*LogLevel::))", source):
        text = call_text(source, call.end() - 1)
        head, brace, fields = text.partition("{{")
        keys = set(re.findall(r"\{\s*" + STRING + r"\s*,", brace + fields))
        for message in re.findall(STRING, head):
            lines.setdefault(message, set()).update(keys)
    return lines


def listed(page):
    """@return {message: its keys} of the table"""
    lines = {}
    for row in page[page.index(HEADING):].splitlines():
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            message = re.match(r"`([^`]+)` \(", cells[0]).group(1)
            lines[message] = set(re.findall(r"`(\w+)`", cells[1]))
            if not cells[2] or not cells[3]:
                raise ValueError(f"{message}: what it means, or what to do, is missing")
    return lines


def mistakes(in_source, in_page):
    found = [f"'{message}' is logged and not listed" for message in in_source.keys() - in_page]
    found += [f"'{message}' is listed and never logged" for message in in_page.keys() - in_source]
    found += [f"'{message}' is logged with {sorted(keys)}, listed with {sorted(in_page[message])}"
              for message, keys in in_source.items() if in_page.get(message, keys) != keys]
    return found


def self_test():
    source = 'log(level, "a");\ntelemetry::log(x ? LogLevel::warn : LogLevel::info,\n' \
             '    y ? "b" : "c", {{"k", f(1)}, {"l", "v"}});'
    assert logged(source) == {"a": set(), "b": {"k", "l"}, "c": {"k", "l"}}, logged(source)
    page = HEADING + "\n| `a` (info) | | m | d |\n| `b` (warn) | `k` `l` | m | d |\n"
    assert listed(page) == {"a": set(), "b": {"k", "l"}}
    assert len(mistakes(logged(source), listed(page))) == 1
    assert len(mistakes({"a": {"k"}}, {"a": set(), "b": set()})) == 2


if __name__ == "__main__":
    self_test()
    everything = dict(OTHERS)
    for path in sorted((ROOT / "src").rglob("*.cpp")):
        everything |= logged(path.read_text(encoding="utf-8"))
    wrong = mistakes(everything, listed((ROOT / "docs/operations.md").read_text(encoding="utf-8")))
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
