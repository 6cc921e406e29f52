"""What a fault test found."""


class Unavailable(Exception):
    """This machine cannot run the test (no root, no strace, no loop device)."""


class Result:
    """Counts by name, and the violations of the promise; it holds when there are none."""

    def __init__(self):
        self.counts = {}
        self.violations = []

    def add(self, name, value=1):
        self.counts[name] = self.counts.get(name, 0) + value

    def violate(self, text):
        self.violations.append(text)

    @property
    def passed(self):
        return not self.violations

    def summary(self):
        """The counts in one line."""
        return ", ".join(f"{value:,} {name}" if isinstance(value, int) else f"{name} {value}"
                         for name, value in self.counts.items())
