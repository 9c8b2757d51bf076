#!/usr/bin/env python3
"""Writes docs/monitoring/dashboard.json, the Grafana dashboard, from the table below.

    scripts/dashboard.py            writes the file
    scripts/dashboard.py --check    exits with 1 where the file is not what the table gives

A row is (title, panels); a panel is panel(title, unit, {legend: expression, ...}, what it tells, ...).
In expressions $m is the choice of job and instance.
"""

import json
import pathlib
import sys

TARGET = pathlib.Path(__file__).resolve().parent.parent / "docs" / "monitoring" / "dashboard.json"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
CHOSEN = 'job="$job", instance=~"$instance"'
COLUMNS = 24  # of Grafana's grid
HEIGHT = 8
DURATION = "reverse_proxy_request_duration_seconds"
UPSTREAM = "reverse_proxy_upstream_latency_seconds"
STAGE = "reverse_proxy_stage_duration_seconds"


def panel(title, unit, queries, description, **options):
    """@param options: kind (timeseries), width (8 of 24), stacked, states {value: (text, colour)}"""
    return {"title": title, "unit": unit, "queries": queries, "description": description} | options


def rate(metric, by, chosen="$m"):
    return f"sum by ({by}) (rate({metric}{{{chosen}}}[$__rate_interval]))"


def share(part, whole, chosen):
    return (f"sum(rate({part}{{$m, {chosen}}}[$__rate_interval]))"
            f" / sum(rate({whole}{{$m}}[$__rate_interval]))")


def quantile(which, histogram, by=""):
    labels = "le" + (", " + by if by else "")
    return f"histogram_quantile({which}, {rate(histogram + '_bucket', labels)})"


HEALTH = {0: ("unhealthy", "red"), 1: ("healthy", "green")}
BREAKER = {0: ("closed", "green"), 1: ("half-open", "yellow"), 2: ("open", "red")}
YES_IS_BAD = {0: ("no", "green"), 1: ("yes", "orange")}

ROWS = [
    ("Traffic", [
        panel("Requests", "reqps", {"{{status_class}}": rate(DURATION + "_count", "status_class")},
              "Finished requests by class of status.", stacked=True),
        panel("Busiest paths", "reqps",
              {"{{method}} {{path}}": f"topk(10, {rate('requests_total', 'method, path')})"},
              "Paths are normalised; path=other holds what has no label of its own."),
        panel("Content", "Bps", {"{{direction}}": rate("reverse_proxy_bytes_total", "direction")},
              "Content from clients (in) and to them (out), without heads."),
    ]),
    ("Errors", [
        panel("Share of 5xx", "percentunit",
              {"5xx": share(DURATION + "_count", DURATION + "_count", 'status_class="5xx"'),
               "4xx": share(DURATION + "_count", DURATION + "_count", 'status_class="4xx"')},
              "The first thing to look at."),
        panel("Failures by cause", "reqps",
              {"{{error}}": rate("reverse_proxy_failures_total", "error") + " > 0"},
              "Requests without the origin's whole answer, by RFC 9209 type. Empty while 5xx rises: "
              "the origins themselves answer so."),
        panel("Failing paths", "reqps",
              {"{{status}} {{path}}":
               "topk(10, " + rate("requests_total", "status, path",
                                  '$m, status_class=~"4xx|5xx"') + ")"},
              "Statuses from 400 up by path; 499: the client left."),
    ]),
    ("Latency", [
        panel("Request duration", "s",
              {"p50": quantile(0.5, DURATION), "p90": quantile(0.9, DURATION),
               "p99": quantile(0.99, DURATION)},
              "First byte of the request to last byte of the response, over all instances chosen."),
        panel("p99 by endpoint", "s", {"{{upstream}}": quantile(0.99, UPSTREAM, "upstream")},
              "An attempt's start to the head of its response. One line apart: look at that origin."),
        panel("p99 by stage", "s", {"{{stage}}": quantile(0.99, STAGE, "stage")},
              "Upstream alone slow: the origin is. Response alone slow: clients read slowly."),
        panel("Distribution", "s", {"{{le}}": rate(DURATION + "_bucket", "le")},
              "All request durations as a heatmap.", kind="heatmap", width=12),
        panel("Summary's quantiles by path", "s",
              {"{{instance}} {{path}}":
               'topk(10, max by (instance, path) (request_latency_seconds{$m, quantile="0.99"}))'},
              "p99 of the last one to two minutes; cannot be added up over instances.", width=12),
    ]),
    ("Saturation", [
        panel("In flight", "short",
              {"{{instance}}": "reverse_proxy_in_flight_requests{$m}",
               "{{instance}} limit": "reverse_proxy_in_flight_limit{$m}"},
              "At the limit (MAX_IN_FLIGHT) requests are refused with 503."),
        panel("Refused", "reqps",
              {"{{reason}}": rate("reverse_proxy_rejected_requests_total", "reason") + " > 0"},
              "Requests refused before any endpoint was tried."),
        panel("Client connections", "short",
              {"{{instance}}": "reverse_proxy_client_connections{$m}"},
              "At MAX_CONNECTIONS accepting pauses."),
    ]),
    ("Endpoints", [
        panel("Health", "short",
              {"{{instance}} {{upstream}}": "reverse_proxy_upstream_healthy{$m}"},
              "What the probes find.", kind="state-timeline", states=HEALTH),
        panel("Breaker", "short",
              {"{{instance}} {{upstream}}": "reverse_proxy_upstream_breaker_state{$m}"},
              "Open: no requests. Half-open: one request finds out.", kind="state-timeline",
              states=BREAKER),
        panel("Failing open", "short", {"{{instance}}": "reverse_proxy_fail_open{$m}"},
              "yes: all are unhealthy and used nevertheless (FAIL_OPEN).", kind="state-timeline",
              states=YES_IS_BAD),
        panel("Attempts", "reqps",
              {"{{upstream}}": rate("reverse_proxy_attempts_total", "upstream")},
              "The share of each endpoint.", stacked=True),
        panel("Failed attempts", "reqps",
              {"{{upstream}} {{outcome}}":
               rate("reverse_proxy_attempts_total", "upstream, outcome", '$m, outcome!="ok"')
               + " > 0"},
              "connect_failed alone: the origin is down."),
        panel("Retries", "reqps",
              {"{{upstream}} {{reason}}":
               rate("reverse_proxy_retries_total", "upstream, reason") + " > 0",
               "budget exhausted":
               "sum(rate(reverse_proxy_retry_budget_exhausted_total{$m}[$__rate_interval]))"},
              "By the endpoint whose attempt had failed. Budget exhausted: retries not made."),
        panel("Breaker transitions", "short",
              {"{{upstream}} {{to}}":
               "sum by (upstream, to) (increase("
               "reverse_proxy_breaker_transitions_total{$m}[$__rate_interval])) > 0"},
              "closed and open in turn: it comes back and fails under load."),
        panel("Probes", "reqps",
              {"{{upstream}} {{outcome}}":
               rate("reverse_proxy_health_probes_total", "upstream, outcome")},
              "Health probes by outcome."),
        panel("Connections to endpoints", "short",
              {"{{upstream}} {{state}}":
               "sum by (upstream, state) (reverse_proxy_upstream_connections{$m})"},
              "Active ones carry a request, idle ones wait in the pool."),
        panel("Connections opened", "ops",
              {"opened": "sum(rate(reverse_proxy_upstream_connections_opened_total{$m}"
                         "[$__rate_interval]))",
               "stale {{upstream}}":
               rate("reverse_proxy_stale_connections_total", "upstream") + " > 0"},
              "As many as requests: the origin keeps none alive. Stale: it closes before we do."),
    ]),
    ("Process", [
        panel("Processor", "short",
              {"{{instance}}": "rate(process_cpu_seconds_total{$m}[$__rate_interval])"},
              "Processors in use."),
        panel("Memory", "bytes",
              {"{{instance}}": "process_resident_memory_bytes{$m}",
               "{{instance}} virtual": "process_virtual_memory_bytes{$m}"},
              "Resident memory does not grow with the size of bodies."),
        panel("File descriptors", "short",
              {"{{instance}}": "process_open_fds{$m}",
               "{{instance}} limit": "process_max_fds{$m}"}, "At the limit connections fail."),
        panel("Up since", "dateTimeFromNow",
              {"{{instance}}": "process_start_time_seconds{$m} * 1000"}, "A change is a restart.",
              kind="stat"),
        panel("Version", "short",
              {"{{version}}": "count by (version) (reverse_proxy_build_info{$m})"},
              "How many instances run which.", kind="stat"),
        panel("Draining", "short", {"{{instance}}": "reverse_proxy_draining{$m}"},
              "yes from SIGTERM on.", kind="state-timeline", states=YES_IS_BAD),
        panel("Lost log lines, paths without a label", "ops",
              {"{{instance}} log lines":
               "rate(reverse_proxy_log_lines_dropped_total{$m}[$__rate_interval])",
               "{{instance}} label overflow":
               "rate(reverse_proxy_label_overflow_total{$m}[$__rate_interval])"},
              "Lines: the reader of standard output is too slow. Overflow: docs/metrics.md, Paths.",
              width=12),
        panel("Spans", "ops",
              {"{{outcome}}": rate("reverse_proxy_trace_spans_total", "outcome")},
              "failed: the collector is down or refuses them. dropped: it is too slow.", width=12),
    ]),
]


def field_config(spec):
    defaults = {"unit": spec["unit"], "min": 0}
    if spec.get("stacked"):
        defaults["custom"] = {"fillOpacity": 30, "stacking": {"mode": "normal", "group": "A"}}
    if "states" in spec:
        defaults["mappings"] = [{"type": "value", "options": {
            str(value): {"text": text, "color": colour, "index": value}
            for value, (text, colour) in spec["states"].items()}}]
        defaults["color"] = {"mode": "fixed"}
    return {"defaults": defaults, "overrides": []}


def options_of(kind):
    if kind == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"},
                "tooltip": {"mode": "multi", "sort": "desc"}}
    if kind == "heatmap":
        return {"calculate": False, "yAxis": {"unit": "s"}, "cellGap": 0}
    if kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "value_and_name",
                "graphMode": "none", "colorMode": "none"}
    return {"mergeValues": True, "showValue": "auto", "rowHeight": 0.8}


def rendered_panel(number, x, y, spec):
    kind = spec.get("kind", "timeseries")
    targets = []
    for index, (legend, expression) in enumerate(spec["queries"].items()):
        targets.append({"refId": chr(ord("A") + index), "datasource": DATASOURCE,
                        "expr": expression.replace("$m", CHOSEN), "legendFormat": legend,
                        "format": "heatmap" if kind == "heatmap" else "time_series",
                        "instant": kind == "stat", "range": kind != "stat"})
    return {"id": number, "type": kind, "title": spec["title"], "description": spec["description"],
            "datasource": DATASOURCE, "targets": targets, "fieldConfig": field_config(spec),
            "options": options_of(kind),
            "gridPos": {"x": x, "y": y, "w": spec.get("width", 8), "h": HEIGHT}}


def panels():
    y = 0
    for title, specs in ROWS:
        yield {"type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}}
        x, y = 0, y + 1
        for spec in specs:
            width = spec.get("width", 8)
            if x + width > COLUMNS:
                x, y = 0, y + HEIGHT
            yield rendered_panel(0, x, y, spec)
            x += width
        y += HEIGHT


def variable(name, label, query, **options):
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE,
            "query": {"query": query, "refId": name}, "definition": query, "refresh": 2,
            "sort": 1} | options


def dashboard():
    everything = [shown | {"id": number} for number, shown in enumerate(panels(), 1)]
    return {
        "uid": "reverse-proxy", "title": "reverse-proxy", "tags": ["reverse-proxy"],
        "description": "Generated by scripts/dashboard.py.", "schemaVersion": 37, "version": 1,
        "editable": True, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"}, "links": [], "annotations": {"list": []},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource",
             "query": "prometheus", "refresh": 1, "current": {}},
            variable("job", "Job", "label_values(reverse_proxy_build_info, job)"),
            variable("instance", "Instance",
                     'label_values(reverse_proxy_build_info{job="$job"}, instance)',
                     multi=True, includeAll=True, allValue=".*",
                     current={"text": ["All"], "value": ["$__all"]}),
        ]},
        "panels": everything,
    }


def main():
    text = json.dumps(dashboard(), indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text(encoding="utf-8") != text:
            sys.exit("docs/monitoring/dashboard.json is out of date: run scripts/dashboard.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
