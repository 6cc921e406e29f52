#!/usr/bin/env python3
"""Writes Tests/JobsTests/Zones/ZoneAnswers.swift: what Python's zoneinfo says of some times.

All lie in the past, so that a newer zone database says the same.
"""

import bisect
import datetime
import random
import zoneinfo

ZONES = ["Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns",
         "America/Sao_Paulo", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Apia",
         "Pacific/Chatham", "Africa/Casablanca", "Antarctica/Troll", "Asia/Kathmandu",
         "Asia/Tehran", "America/Nuuk"]
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


def offset(zone, instant):
    when = EPOCH + datetime.timedelta(seconds=instant)
    return int(when.astimezone(zone).utcoffset().total_seconds())


def transitions(zone, start, end):
    """The instants at which the offset changes, found by looking at every hour."""
    found, step = [], 3600
    for at in range(start, end, step):
        if offset(zone, at) != offset(zone, at + step):
            near = bisect.bisect_left(range(at, at + step), True,
                                      key=lambda t: offset(zone, t) != offset(zone, at))
            found.append(at + near)
    return found


def instant(zone, wall, changes):
    candidates = []
    naive = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=wall)
    for fold in (0, 1):
        at = int((naive.replace(tzinfo=zone, fold=fold) - EPOCH).total_seconds())
        if at + offset(zone, at) == wall:
            candidates.append(at)
    if candidates:
        return min(candidates)
    return next(at for at in changes
                if at + offset(zone, at - 1) <= wall < at + offset(zone, at))


def main():
    chance = random.Random(7)
    rows = []
    for name in ZONES:
        zone = zoneinfo.ZoneInfo(name)
        changes = []
        for year in (2011, 2018, 2024):
            start = int((datetime.datetime(year, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
            changes += transitions(zone, start, start + 366 * 86400)
        walls = [1_700_000_000 - 1_700_000_000 % 60, 946_684_800]
        for at in changes:
            before, after = offset(zone, at - 1), offset(zone, at)
            low, high = sorted((at + before, at + after))
            walls += [low - 60, low, (low + high) // 120 * 60, high - 60, high]
        for _ in range(3):
            walls.append(chance.randrange(0, 1_735_689_600) // 60 * 60)
        rows += [(name, wall, instant(zone, wall, changes)) for wall in sorted(set(walls))]
    lines = [f"    {name} {wall} {at}" for name, wall, at in rows]
    with open("Tests/JobsTests/Zones/ZoneAnswers.swift", "w", encoding="ascii") as file:
        file.write("/// Times of clocks as Python's zoneinfo knows them: the zone, the wall time and "
                   "the instant.\n///\n/// Made by `Scripts/zone-answers.py`; both are seconds since "
                   "1970, those of the wall as if in UTC.\nlet zoneAnswers = \"\"\"\n"
                   + "\n".join(line[2:] for line in lines) + "\n  \"\"\"\n")


if __name__ == "__main__":
    main()
