"""docs/monitoring: the rules hold by promtool, and all they ask for is in the table of metrics."""

import re
import subprocess
import sys
import unittest

from monitoring import (FOLDER, ROOT, TARGET_LABELS, alert_tests, alerts, dashboard,
                        labels_grouped_by, metrics_table, panels, questions, selectors)

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from support import tool  # pylint: disable=wrong-import-position

BOUND_SECONDS = 240  # promtool takes three seconds of processor time for the rules' tests


def run(*command):
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True,
                          timeout=BOUND_SECONDS, check=False)


class Rules(unittest.TestCase):
    def setUp(self):
        self.promtool = tool("promtool")

    def test_promtool_accepts_them(self):
        done = run(self.promtool, "check", "rules", "alerts.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_their_own_tests_pass(self):
        done = run(self.promtool, "test", "rules", "alerts_test.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_promtool_accepts_the_scrape_configurations(self):
        for name in ("prometheus.yml", "prometheus-token.yml"):
            done = run(self.promtool, "check", "config", "--syntax-only", name)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Alerts(unittest.TestCase):
    def test_each_is_seen_firing_and_not_firing(self):
        firing, silent = set(), set()
        for test in alert_tests():
            for step in test["alert_rule_test"]:
                (firing if step["exp_alerts"] else silent).add(step["alertname"])
        names = {rule["alert"] for rule in alerts()}
        self.assertEqual(firing, names)
        self.assertEqual(silent, names)

    def test_each_says_how_urgent_it_is_and_what_to_do(self):
        for rule in alerts():
            self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
            self.assertEqual(set(rule["annotations"]), {"summary", "action"})


class Names(unittest.TestCase):
    def setUp(self):
        self.table = metrics_table()

    def test_every_metric_and_label_is_in_the_table(self):
        for where, expression, named in questions():
            with self.subTest(where, expression=expression):
                known = set()
                for metric, _, matched in selectors(expression):
                    self.assertIn(metric, self.table)
                    self.assertLessEqual(matched, self.table[metric] | TARGET_LABELS)
                    known |= self.table[metric]
                self.assertLessEqual(labels_grouped_by(expression) | named, known | TARGET_LABELS)

    def test_only_this_proxys_series_are_asked_for(self):
        for where, expression, _ in questions():
            for metric, matchers, _ in selectors(expression):
                self.assertIn('job="', matchers, f"{where}: {metric}")

    def test_the_dashboard_shows_every_metric(self):
        shown = {metric for panel in panels() for target in panel["targets"]
                 for metric, _, _ in selectors(target["expr"])}
        for metric in self.table.keys() - {"up"}:
            family = re.sub(r"_(bucket|sum|count)$", "", metric)
            if not any(name.startswith(family) for name in shown):
                self.fail(f"no panel shows {metric}")

    def test_a_wrong_name_is_found(self):
        self.assertEqual(selectors('rate(a_total{x="1", y=~"2"}[5m])'),
                         [("a_total", 'x="1", y=~"2"', {"x", "y"})])
        self.assertEqual(labels_grouped_by("sum by (a, b) (c{})"), {"a", "b"})
        with self.assertRaises(ValueError):
            selectors("rate(a_total[5m])")


class Dashboard(unittest.TestCase):
    def test_it_is_what_its_script_writes(self):
        done = run(sys.executable, str(ROOT / "scripts" / "dashboard.py"), "--check")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_two_panels_share_a_number_or_a_place(self):
        everything = dashboard()["panels"]
        numbers = [panel["id"] for panel in everything]
        self.assertEqual(len(set(numbers)), len(numbers))
        taken = set()
        for panel in everything:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells

    def test_every_panel_uses_the_chosen_data_source(self):
        for panel in panels():
            for part in (panel, *panel["targets"]):
                self.assertEqual(part["datasource"]["uid"], "${datasource}")

    def test_the_variables_are_asked_of_a_metric_there_is(self):
        variables = dashboard()["templating"]["list"]
        self.assertEqual([each["name"] for each in variables], ["datasource", "job", "instance"])
        for each in variables[1:]:
            metric, label = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)",
                                         each["definition"]).groups()
            self.assertIn(metric, metrics_table())
            self.assertIn(label, TARGET_LABELS)


if __name__ == "__main__":
    unittest.main()
