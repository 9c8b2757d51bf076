#!/usr/bin/env python3
"""Checks the links of every Markdown page in the repository: the file is there, and so is the heading.

Links to other sites are not followed. Exits with 1 and a line for each link that leads nowhere.
"""

import pathlib
import re
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEFT_OUT = {"build", ".git", ".ccache"}
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")


def without_code(text):
    """The page with code blanked out, lines kept. What is indented by four after an empty line, or
    fenced, is a block; in lists indentation is text, but then links may be checked twice at most."""
    lines, fenced, block, previous_empty = [], False, False, True
    for line in text.splitlines():
        if re.match(r"\s*(```|~~~)", line):
            fenced = not fenced
            lines.append("")
            continue
        block = line.startswith("    ") and (previous_empty or block)
        previous_empty = not line.strip()
        lines.append("" if fenced or block else re.sub(r"`[^`]*`", "code", line))
    return "\n".join(lines)


def anchor(heading):
    """As GitHub makes them: lower case, blanks to hyphens, all else but letters and digits away."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    kept = (symbol for symbol in text
            if symbol in " -_" or unicodedata.category(symbol)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def anchors(text):
    """Of all headings; one that comes again gets a number."""
    seen = {}
    fenced = False
    for line in text.splitlines():
        if re.match(r"\s*(```|~~~)", line):
            fenced = not fenced
        heading = None if fenced else re.match(r"#{1,6} (.*?)#*\s*$", line)
        if heading:
            name = anchor(heading.group(1))
            seen[name] = seen.get(name, -1) + 1
            if seen[name]:
                seen[f"{name}-{seen[name]}"] = 0
    return seen.keys()


def links(text):
    """@return [(line number, target)]"""
    code_free = without_code(text)
    found = [(code_free.count("\n", 0, match.start()) + 1, match.group(1))
             for match in LINK.finditer(code_free)]
    for match in re.finditer(r"^\[[^\]]+\]:\s+(\S+)", code_free, re.MULTILINE):
        found.append((code_free.count("\n", 0, match.start()) + 1, match.group(1)))
    return found


def mistakes(root):
    pages = [path for path in sorted(root.rglob("*.md"))
             if not LEFT_OUT & set(path.relative_to(root).parts)]
    found = []
    for page in pages:
        where = page.relative_to(root)
        for number, target in links(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue  # another site, or mail
            path, _, fragment = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if path.startswith("/") or not file.is_relative_to(root) or not file.exists():
                found.append(f"{where}:{number}: there is no {path}")
            elif fragment and (file.suffix != ".md" or
                               fragment not in anchors(file.read_text(encoding="utf-8"))):
                found.append(f"{where}:{number}: {file.relative_to(root)} has no #{fragment}")
    return found, len(pages)


def self_test():
    assert anchor("`GET /x`: what, why & [how](y.md)") == "get-x-what-why--how"
    assert set(anchors("# A b\n```\n# no\n```\n## A b\n")) == {"a-b", "a-b-1"}
    page = "[a](b.md#c) `[no](x)`\n\n    [no](x)\n\ntext [d\ne](f.md)\n![i](p.png \"t\")\n[r]: q.md\n"
    assert links(page) == [(1, "b.md#c"), (5, "f.md"), (7, "p.png"), (8, "q.md")], links(page)


if __name__ == "__main__":
    self_test()
    wrong, count = mistakes(ROOT)
    print("\n".join(wrong) if wrong else f"the links of {count} pages lead somewhere")
    sys.exit(1 if wrong else 0)
