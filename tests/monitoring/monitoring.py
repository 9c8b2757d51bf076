"""The alert rules and the dashboard of docs/monitoring, read for what they ask of /metrics."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "docs" / "monitoring"
# Of Prometheus itself, beside what the target says; $variables of the dashboard stand for values.
TARGET_LABELS = {"job", "instance"}
WORDS = {"by", "without", "and", "or", "unless", "on", "ignoring", "bool", "offset", "sum", "max",
         "min", "avg", "count", "topk", "rate", "increase", "changes", "absent",
         "histogram_quantile"}


def metrics_table():
    """@return {sample name: set of labels} of docs/metrics.md, which a unit test compares with the
    table in the code. A histogram and a summary have several sample names."""
    table = {"up": set()}  # Prometheus' own
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram|summary) \| (.*?) \|",
                      (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE)
    for name, kind, labels in rows:
        names = set(re.findall(r"`(\w+)`", labels))
        if kind == "histogram":
            table[name + "_bucket"] = names | {"le"}
        elif kind == "summary":
            table[name] = names | {"quantile"}
        else:
            table[name] = names
        if kind in ("histogram", "summary"):
            table[name + "_sum"] = table[name + "_count"] = names
    return table


def selectors(expression):
    """@return [(metric, text of its matchers, labels matched)]; raises where a metric has none, for
    it would take in other programs' series."""
    found = [(name, matchers, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)))
             for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}", expression)]
    rest = re.sub(r"[a-zA-Z_:][\w:]*\s*\{[^}]*\}", "", expression)
    rest = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)|\[[^\]]*\]", "", rest)
    unknown = set(re.findall(r"[a-zA-Z_:][\w:]*", rest)) - WORDS
    if unknown:
        raise ValueError(f"{sorted(unknown)} without matchers or unknown, in: {expression}")
    return found


def labels_grouped_by(expression):
    lists = re.findall(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)", expression)
    return {label.strip() for names in lists for label in names.split(",")}


def alerts():
    """@return the alert rules"""
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"]]


def alert_tests():
    return yaml.safe_load((FOLDER / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]


def dashboard():
    return json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def questions():
    """@return [(where, expression, labels its text names)] of all alerts and panels"""
    asked = []
    for rule in alerts():
        words = " ".join(rule["annotations"].values())
        asked.append((rule["alert"], rule["expr"], set(re.findall(r"\$labels\.(\w+)", words))))
    for panel in panels():
        for target in panel["targets"]:
            asked.append((panel["title"], target["expr"],
                          set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))))
    return asked
