"""Measured figures, the bounds they must hold, and the Markdown that shows them."""

import statistics

USUAL = object()


class Figure:
    """One measured value with its bound.

    `samples` are the rounds' values, the figure is their median. `bound` is ("<=" or ">=", limit),
    or None for a value that is only reported. `better` is "higher", "lower", or None for what tells
    of the machine and not of the server; `pace` names what the machine's part in it is told by,
    "nginx" or "disk", or is None where there is none. What is usual for the unit need not be said.
    """

    def __init__(self, area, name, unit, samples, bound=None, relative="", better=USUAL, pace=USUAL):
        self.area, self.name, self.unit = area, name, unit
        self.samples = [float(each) for each in samples]
        self.value = statistics.median(self.samples)
        self.bound, self.relative = bound, relative
        is_rate = unit.endswith("/s")
        if better is USUAL:
            better = "higher" if is_rate or (bound and bound[0] == ">=") else "lower"
        if pace is USUAL:  # microseconds are those of a processor
            pace = "nginx" if is_rate or unit == "µs" else None
        self.better, self.pace = better, pace

    @property
    def passed(self):
        """True or False against the bound, None without one."""
        if self.bound is None:
            return None
        sign, limit = self.bound
        return self.value <= limit if sign == "<=" else self.value >= limit

    def row(self):
        """The figure's row of the table."""
        spread = "–"
        if len(self.samples) > 1:
            spread = f"{number(min(self.samples))} … {number(max(self.samples))}"
        bound = "–" if self.bound is None else (
            f"{'≤' if self.bound[0] == '<=' else '≥'} {number(self.bound[1])}")
        verdict = {None: "", True: "pass", False: "**fail**"}[self.passed]
        return (f"| {self.area} | {self.name} | {number(self.value)} {self.unit} | {spread} "
                f"| {bound} | {verdict} | {self.relative} |")

    def as_json(self):
        return {"area": self.area, "name": self.name, "unit": self.unit, "value": self.value,
                "samples": self.samples, "bound": self.bound, "passed": self.passed,
                "relative": self.relative, "better": self.better, "pace": self.pace}


HEADER = ["| area | figure | median | spread | bound | | relative to |",
          "|---|---|---|---|---|---|---|"]


def number(value):
    """A number with as many digits as it deserves."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def table(figures):
    """The figures as a Markdown table."""
    return "\n".join(HEADER + [figure.row() for figure in figures])
