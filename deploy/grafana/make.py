#!/usr/bin/env python3
"""Writes the dashboard of Grafana, roost.json, from the list of panels below.

    deploy/grafana/make.py [--check]

With --check it changes nothing, and fails where roost.json is not what it would write.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "roost.json")
BY = '{instance=~"$instance"}'


def rate(name, labels="", by="instance"):
    inner = f'instance=~"$instance"{"," + labels if labels else ""}'
    return f"sum by ({by}) (rate({name}{{{inner}}}[$__rate_interval]))"


def quantile(q, of="roost_http_request_duration_seconds"):
    return f"histogram_quantile({q}, {rate(of + '_bucket', by='le')})"


# Row, then panels: title, unit, [(expression, legend)].
ROWS = [
    ("Requests", [
        ("Answers by class", "reqps", [(rate("roost_http_responses_total", by="class"), "{{class}}")]),
        ("Duration", "s", [(quantile(0.5), "p50"), (quantile(0.9), "p90"), (quantile(0.99), "p99")]),
        ("Slowest routes (p99)", "s", [(
            'topk(10, histogram_quantile(0.99, sum by (le, method, route) (rate('
            'roost_http_request_duration_seconds_bucket{instance=~"$instance"}[$__rate_interval]))))',
            "{{method}} {{route}}")]),
        ("Connections and handlers", "short", [
            (f"roost_http_connections{BY}", "connections"),
            (f"roost_http_active_requests{BY}", "handlers")]),
        ("Bytes", "Bps", [
            (rate("roost_http_received_bytes_total"), "in"),
            (rate("roost_http_sent_bytes_total"), "out")]),
        ("Malformed, slow, refused connections", "ops", [
            (rate("roost_http_parse_errors_total"), "malformed"),
            (rate("roost_http_timeouts_total"), "slow or idle"),
            (rate("roost_http_connections_refused_total"), "refused")]),
    ]),
    ("Overload", [
        ("Shed by queue and priority", "reqps", [
            (rate("roost_http_shed_total", by="queue, priority"), "{{queue}} {{priority}}")]),
        ("Limited", "reqps", [
            (rate("roost_http_rate_limited_total", by="limit"), "{{limit}}")]),
        ("Waits in queues", "s", [(f"roost_queue_wait_seconds{BY}", "{{queue}}")]),
        ("What waits", "short", [
            (f"roost_db_queued_writes{BY}", "writes"), (f"roost_db_queued_reads{BY}", "long reads"),
            (f"roost_trace_queued_spans{BY}", "spans")]),
        ("Answers that clients have not taken", "bytes", [
            (f"roost_http_queued_output_bytes{BY}", "{{instance}}")]),
        ("Degraded", "short", [(f"roost_degraded{BY} > 0", "{{part}}")]),
    ]),
    ("Database", [
        ("Commits and writes", "ops", [
            (rate("roost_db_commits_total"), "commits"), (rate("roost_db_writes_total"), "writes")]),
        ("Time of a commit", "s", [(
            f'{rate("roost_db_commit_seconds_total")} / {rate("roost_db_commits_total")}', "mean")]),
        ("Reads", "ops", [(rate("roost_db_reads_total", by="where"), "{{where}}")]),
        ("Slow statements", "ops", [(rate("roost_db_slow_statements_total"), "{{instance}}")]),
        ("Write-ahead log and free space", "bytes", [
            (f"roost_db_wal_bytes{BY}", "log"), (f"roost_db_free_bytes{BY}", "free")]),
        ("Batches that failed", "ops", [(rate("roost_db_failed_batches_total"), "{{instance}}")]),
    ]),
    ("Behind the requests", [
        ("Followers: changes behind", "short", [(f"roost_follower_behind{BY}", "{{follower}}")]),
        ("Followers: lag", "s", [(f"roost_follower_lag_seconds{BY}", "{{follower}}")]),
        ("Jobs", "short", [(f"roost_jobs{BY}", "{{kind}} {{state}}")]),
        ("Devices: changes", "ops", [
            (rate("roost_sync_mutations_total", by="result"), "{{result}}")]),
        ("Devices: from a commit to those who wait", "s", [
            (quantile(0.5, "roost_sync_wake_seconds"), "p50"),
            (quantile(0.99, "roost_sync_wake_seconds"), "p99")]),
        ("Functions", "ops", [
            (rate("roost_function_runs_total", by="function, outcome"), "{{function}} {{outcome}}")]),
        ("Spans", "ops", [(rate("roost_trace_spans_total", by="outcome"), "{{outcome}}")]),
        ("Memory", "bytes", [(f"process_resident_memory_bytes{BY}", "{{instance}}")]),
    ]),
]


def panel(number, title, unit, targets, x, y):
    return {
        "id": number, "type": "timeseries", "title": title,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": {"h": 8, "w": 8, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {"refId": chr(65 + place), "expr": expression, "legendFormat": legend,
             "exemplar": "duration" in expression}
            for place, (expression, legend) in enumerate(targets)],
    }


def dashboard():
    panels, number, y = [], 1, 0
    for name, members in ROWS:
        panels.append({"id": number, "type": "row", "title": name, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        number, y = number + 1, y + 1
        for place, (title, unit, targets) in enumerate(members):
            panels.append(panel(number, title, unit, targets, place % 3 * 8, y + place // 3 * 8))
            number += 1
        y += (len(members) + 2) // 3 * 8
    return {
        "uid": "roost", "title": "Roost", "tags": ["roost"], "schemaVersion": 38, "version": 1,
        "editable": True, "refresh": "30s", "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"},
            {"name": "instance", "type": "query", "label": "Instance", "multi": True,
             "includeAll": True, "refresh": 2, "allValue": ".*",
             "datasource": {"type": "prometheus", "uid": "${source}"},
             "query": "label_values(roost_http_requests_total, instance)"}]},
        "panels": panels,
    }


def main():
    text = json.dumps(dashboard(), indent=2) + "\n"
    if "--check" in sys.argv[1:]:
        with open(FILE, encoding="utf-8") as file:
            if file.read() != text:
                sys.exit(f"{FILE} is not what make.py writes: run it again")
        return
    with open(FILE, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
