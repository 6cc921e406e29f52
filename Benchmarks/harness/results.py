"""What was measured last, in Benchmarks/results.json, and what has moved since.

Of each area the file holds when, on what and how it was measured, what nginx and the disk took
in the same run, and the figures with their spread. A run of one area replaces that area alone.
"""

import json
import statistics
import time

from .figures import number

FORMAT = 1
STEP = 0.1  # what moved by no more than this share is not told
SAID = f"{100 * STEP:.0f} %"
GROUPS = ("worse", "better", "other")


def taken(figures, bench, machine, date=None):
    """The areas of a run as the file holds them, by name; none of the area *machine*."""
    paces = {"nginx": bench.samples.get("nginx_cpu"), "disk": bench.samples.get("write")}
    found = {}
    for figure in figures:
        if figure.area == "machine":
            continue
        area = found.setdefault(figure.area, {
            "date": date or time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine,
            "rows": bench.dataset.rows, "rounds": bench.rounds, "seconds": bench.seconds,
            "pace": {name: statistics.median(each) for name, each in paces.items() if each},
            "figures": []})
        area["figures"].append({
            "name": figure.name, "unit": figure.unit, "better": figure.better, "pace": figure.pace,
            "value": figure.value, "low": min(figure.samples), "high": max(figure.samples),
            "samples": len(figure.samples)})
    return found


def read(path):
    """The areas of a file; none where it is not there yet."""
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
    except FileNotFoundError:
        return {}
    if held.get("format") != FORMAT:
        raise RuntimeError(f"{path} is of format {held.get('format')}, and not {FORMAT}")
    return held["areas"]


def write(path, areas):
    """Puts these areas in the place of those of the same name, and leaves the others."""
    held = dict(read(path), **areas)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'{{"format": {FORMAT}, "areas": {{\n'
                   + ",\n".join(_area(name, area) for name, area in held.items()) + "\n}}\n")


def _area(name, area):
    """An area with each figure on a line, so that the difference of two commits tells figures."""
    head = {key: value for key, value in area.items() if key != "figures"}
    lines = ",\n".join(f"  {_json(each)}" for each in area["figures"])
    return f' {_json(name)}: {_json(head)[:-1]}, "figures": [\n{lines}]}}'


def _json(value):
    """With four digits of what was measured."""
    if isinstance(value, dict):
        value = {key: _short(each) for key, each in value.items()}
    return json.dumps(value, ensure_ascii=False)


def _short(value):
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


class Change:
    """One figure of a run beside the one that is held, at the pace of the run."""

    def __init__(self, area, figure, held, factor):
        self.area, self.name, self.unit = area, figure["name"], figure["unit"]
        self.now, self.held = figure, held
        self.expected = {key: held[key] * factor for key in ("value", "low", "high")}
        self.is_scaled = factor != 1
        self.ratio = figure["value"] / self.expected["value"] if self.expected["value"] else None

    @property
    def is_beyond_step(self):
        if self.ratio is None:  # none were expected
            return self.now["value"] != 0
        return self.ratio > 1 + STEP or self.ratio < 1 / (1 + STEP)

    @property
    def is_beyond_spread(self):
        """Whether neither median lies in the spread of the other run."""
        return not (self.expected["low"] <= self.now["value"] <= self.expected["high"]
                    or self.now["low"] <= self.expected["value"] <= self.now["high"])

    @property
    def group(self):
        """"worse", "better", "other" for what is about the machine, or None: it has not moved."""
        if not (self.is_beyond_step and self.is_beyond_spread):
            return None
        if self.held["better"] is None:
            return "other"
        has_grown = self.ratio is None or self.ratio > 1
        return "better" if has_grown == (self.held["better"] == "higher") else "worse"

    def row(self):
        """The row of the table, with what was held, that at the pace of this run, and this run."""
        lone = " (one sample)" if 1 in (self.now["samples"], self.held["samples"]) else ""
        by = "new" if self.ratio is None else f"{100 * (self.ratio - 1):+.0f} %"
        return (f"| {self.area} | {self.name}, {self.unit} | {_spread(self.held)} "
                f"| {_spread(self.expected) if self.is_scaled else ''} | {_spread(self.now)} "
                f"| {by}{lone} |")


def _spread(figure):
    if figure["low"] == figure["high"]:
        return number(figure["value"])
    return f"{number(figure['value'])} ({number(figure['low'])} … {number(figure['high'])})"


def compare(now, held):
    """(changes, notes): the figures of both, and the areas and figures that cannot be compared."""
    changes, notes = [], []
    for name, area in now.items():
        past = held.get(name)
        if past is None:
            notes.append(f"{name}: no results are held yet")
            continue
        if area["rows"] != past["rows"]:
            notes.append(f"{name}: {area['rows']:,} rows, and {past['rows']:,} in what is held")
            continue
        if area["machine"] != past["machine"]:
            notes.append(f"{name}: held from another machine, {past['machine']}")
        figures = {each["name"]: each for each in past["figures"]}
        for figure in area["figures"]:
            before = figures.pop(figure["name"], None)
            if before is None:
                notes.append(f"{name}: {figure['name']}: not in what is held")
            elif (factor := _factor(before, area["pace"], past["pace"])) is None:
                notes.append(f"{name}: {figure['name']}: what {before['pace']} took was not "
                             "measured in both runs")
            else:
                changes.append(Change(name, figure, before, factor))
        notes += [f"{name}: {gone}: held, and not measured now" for gone in figures]
    return changes, notes


def _factor(held, now, past):
    """By how much a held figure is to be greater at this run's pace; None where nobody knows."""
    pace = held["pace"]
    if pace is None or held["better"] is None:
        return 1
    if not now.get(pace) or not past.get(pace):
        return None
    slower = now[pace] / past[pace]
    return 1 / slower if held["better"] == "higher" else slower


HEADER = ["| area | figure | held | at this pace | now | |", "|---|---|---|---|---|---|"]
TITLES = {"worse": "Worse", "better": "Better", "other": "Moved, and tells of the machine"}


def report(now, held):
    """What moved, as lines of Markdown; one line where nothing did."""
    changes, notes = compare(now, held)
    lines = []
    for area in now:
        if area in held:
            lines.append(f"{area}: held since {held[area]['date']}, {_paces(held[area])} then, "
                         f"{_paces(now[area])} now")
    for group in GROUPS:
        moved = [each for each in changes if each.group == group]
        if moved:
            lines += ["", f"{TITLES[group]} by more than {SAID}, and beyond the spread:", "",
                      *HEADER, *(each.row() for each in moved)]
    within = [f"{each.area}, {each.name}" for each in changes
              if each.is_beyond_step and each.group is None]
    if within:
        lines += ["", f"By more than {SAID} within the spread: {'; '.join(within)}."]
    if notes:
        lines += ["", "Not comparable or to be noted:", *(f"- {note}" for note in notes)]
    counts = {group: sum(each.group == group for each in changes) for group in GROUPS}
    lines += ["", f"{len(changes)} figures compared: {counts['worse']} worse, {counts['better']} "
                  f"better, {len(changes) - sum(counts.values())} as they were"]
    return lines


def _paces(area):
    return ", ".join(f"{name} {number(value)} µs" for name, value in area["pace"].items()) \
        or "nginx not measured"
