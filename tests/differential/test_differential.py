"""No other proxy refuses what we pass, and what we pass is one plain request.

nginx and HAProxy get the same bytes as we do (hostile_requests.py), each in front of an origin that
keeps what reaches it. `python3 test_differential.py --write-docs` writes the table of
docs/conformance.md anew.
"""

import argparse
import pathlib
import sys
import unittest

from hostile_requests import CASES, PASSES
from proxies import Haproxy, Nginx, Ours, run_all

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "conformance.md"
BEGIN = "<!-- written by tests/differential/test_differential.py --write-docs -->"
END = "<!-- end of the written part -->"

# Where a peer refuses what we pass: only with the rule that is on our side.
ALLOWED = {
    ("nginx", "Transfer-Encoding (TE.TE)", "capitals, blanks"):
        "takes the tab for a part of the value; RFC 9110, 5.5 excludes it before evaluation",
    ("nginx", "Request line and version", "lower-case method"):
        "takes capitals, `-` and `_` alone; RFC 9110, 9.1: a method is any token",
    ("nginx", "Request line and version", "token method"):
        "takes capitals, `-` and `_` alone; RFC 9110, 9.1: a method is any token",
    ("nginx", "Targets", "asterisk with OPTIONS"):
        "does not know the form; RFC 9112, 3.2.4 defines it",
    ("nginx", "Targets", "dots above the root"):
        "resolves the path itself; to RFC 3986, 3.3 it is a path, and RFC 9110, 7.7 lets nobody "
        "change it on the way",
    ("nginx", "Targets", "percent-encoded NUL"):
        "decodes the path itself; to RFC 3986, 2.1 it is an octet like any other",
    ("nginx", "Targets", "12,000 bytes"):
        "its default limit is 8 KiB (large_client_header_buffers); ours is MAX_HEADER_BYTES",
    ("nginx", "Expect and the rest", "two expectations"):
        "wants Expect once; to RFC 9110, 10.1.1 it is a list, so lines may repeat",
}


def text_of(name):
    """`name` for a cell of a Markdown table."""
    return name.replace("|", "\\|")


def table(outcomes, versions):
    """The part of docs/conformance.md that comes from a run."""
    ours, others = outcomes[Ours.name], [Nginx.name, Haproxy.name]
    lines = [BEGIN, "",
             f"{len(CASES)} requests, sent to this proxy, nginx {versions[Nginx.name]} and HAProxy "
             f"{versions[Haproxy.name]}, each as its manual",
             "shows it. A number is the status of a refusal. *passes*: the origin got one request; "
             "*malformed*: the origin got bytes",
             "that a strict reader refuses.", ""]
    stricter = [(index, case) for index, case in enumerate(CASES)
                if not ours[index].passed
                and any(outcomes[name][index].passed for name in others)]
    agreed = sum(1 for index, _ in enumerate(CASES)
                 if not ours[index].passed
                 and not any(outcomes[name][index].passed for name in others))
    both = sum(1 for outcome in ours if outcome.passed)
    lines += [f"All three refuse {agreed} of them; this proxy passes {both}, and is stricter than at "
              f"least one of the others in {len(stricter)}:", "",
              "| what is sent | here | nginx | HAProxy | why |", "| --- | --- | --- | --- | --- |"]
    group = None
    for index, case in stricter:
        if case.group != group:
            group = case.group
            lines.append(f"| **{text_of(group)}** | | | | |")
        words = [ours[index].word] + [outcomes[name][index].word for name in others]
        lines.append(f"| {text_of(case.name)} | {' | '.join(words)} | {text_of(case.why)} |")
    lines += ["", "Where one of them refuses what passes here, the RFC or a setting is the reason:", "",
              "| what is sent | refused by | why it passes here |", "| --- | --- | --- |"]
    for (peer, group, name), why in ALLOWED.items():
        lines.append(f"| {text_of(group)}: {text_of(name)} | {peer} | {why} |")
    return "\n".join(lines + ["", END])


def rows_of(text):
    """What a table says of this proxy: a peer that passes content on before it has seen the fault behind
    it answers now this way, now that."""
    cells = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {(row[0], row[1], row[-1]) for row in cells}


class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # First: without the programs all is skipped.
        cls.versions = {kind.name: kind.version() for kind in (Nginx, Haproxy)}
        cls.outcomes = run_all([Ours, Nginx, Haproxy], CASES)

    def cases(self):
        """(case, its outcome here, its number) of every case."""
        return zip(CASES, self.outcomes[Ours.name], range(len(CASES)))

    def assert_none(self, wrong):
        """`wrong` has (case, what was seen); all of them are shown."""
        self.assertEqual([f"{case.group}: {case.name}: {seen}" for case, seen in wrong], [])

    def test_the_table_is_large_and_has_no_doubles(self):
        names = [(case.group, case.name) for case in CASES]
        self.assertGreaterEqual(len(names), 120)
        self.assertEqual(len(names), len(set(names)))

    def test_each_gets_the_answer_of_the_table(self):
        self.assert_none((case, ours.word) for case, ours, _ in self.cases()
                         if ours.word != case.answer)

    def test_what_passes_is_exactly_one_request(self):
        passed = [(case, ours) for case, ours, _ in self.cases() if ours.passed]
        self.assert_none((case, ours.faults) for case, ours in passed if ours.faults)
        self.assert_none((case, f"{len(ours.requests)} requests") for case, ours in passed
                         if len(ours.requests) != 1 or ours.begun)
        # As many answers as requests: nobody gets an answer to what he did not ask.
        self.assert_none((case, ours.answer.of_origin) for case, ours in passed
                         if ours.answer.of_origin != [200] * (1 + len(ours.seconds)))

    def test_what_is_refused_is_refused_for_good(self):
        refused = [(case, ours) for case, ours, _ in self.cases() if case.answer != PASSES]
        self.assert_none((case, ours.answer.own) for case, ours in refused
                         if ours.answer.own != [int(case.answer)])
        self.assert_none((case, "a request went on") for case, ours in refused
                         if ours.requests or ours.seconds or ours.answer.of_origin)

    def test_nobody_refuses_what_we_pass(self):
        refused = {(peer, case.group, case.name) for case, ours, index in self.cases()
                   for peer in (Nginx.name, Haproxy.name)
                   if ours.passed and not self.outcomes[peer][index].passed}
        self.assertEqual(refused - set(ALLOWED), set())
        self.assertEqual(set(ALLOWED) - refused, set(), "no longer needed")

    def test_the_page_is_up_to_date(self):
        page = PAGE.read_text(encoding="utf-8")
        expected = table(self.outcomes, self.versions)
        for name, version in self.versions.items():
            if f"{name} {version}" not in page:
                self.skipTest(f"the page is about another version than {name} {version}")
        written = page[page.index(BEGIN):page.index(END)]
        # A case is only listed where a peer passes it, so a row or two may come and go with its mood.
        self.assertLessEqual(len(rows_of(written) ^ rows_of(expected)), 2,
                             "run test_differential.py --write-docs")


def write_docs():
    versions = {kind.name: kind.version() for kind in (Nginx, Haproxy)}
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + table(run_all([Ours, Nginx, Haproxy], CASES), versions) + after,
                    encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--write-docs", action="store_true")
    arguments, rest = parser.parse_known_args()
    if arguments.write_docs:
        write_docs()
    else:
        unittest.main(argv=[sys.argv[0], *rest])
