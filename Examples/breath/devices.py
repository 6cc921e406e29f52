#!/usr/bin/env python3
"""Somebody breathes on two devices without an account, then joins, and the devices meet.

Usage: devices.py ADDRESS TOKEN

The devices are those of the project's tests: a client of docs/protocol.md in plain Python.
"""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Tests", "EndToEnd"))
sys.dont_write_bytecode = True

from client import Client  # noqa: E402
from sync_client import Device  # noqa: E402

# What schema.graphql says, as far as a device looks at it.
RULES = {
    "patterns": {"tier": "DAILY"},
    "presets": {"tier": "HOURLY", "fields": {"settings": {"strategy": "MERGE_DEEP"}}},
    "journeys": {"fields": {
        **{name: {"strategy": "COUNTER", "numbers": "int32"}
           for name in ("xp", "sessions", "minutes")},
        "longestStreak": {"strategy": "MAX"}, "currentStreak": {"strategy": "LATEST_VALID"},
        "achievements": {"strategy": "SET_UNION"},
        "challenges": {"strategy": "SET_UNION", "elements": {"id": "id"}}}},
}


def challenge(name, status, progress):
    return {"id": name, "status": status, "progress": progress}


def main(address, token):
    # No account yet: what is made stays on the phone, and nobody is its owner.
    phone = Device(None, RULES)
    journey = phone.create(
        "journeys", xp=0, sessions=0, minutes=0, longestStreak=4, currentStreak=4,
        achievements=["first-breath"], challenges=[challenge("dawn", "ACTIVE", 1)])
    preset = phone.create("presets", name="Evening", settings={"in": 4, "out": 6})
    for _ in range(30):
        phone.update("journeys", journey, xp={"$increment": 25}, sessions={"$increment": 1},
                     minutes={"$increment": 10})

    client = phone.client = Client(int(address.rsplit(":", 1)[1]), token)
    phone.sync()
    told = phone.errors[-1]
    steps = [{"told": told["code"], "next": told["details"]["next"]["name"]}]

    # The device says how far it is, and the person accepts.
    client.post("/v1/sync/gate", {"claims": {"level": 5, "sessions": 30, "streak": 4, "days": 12}})
    client.post("/v1/sync/gate", {"invitation": "accepted"})
    tablet = Device(client, RULES, name="Tablet")
    for device in (phone, tablet):
        device.sync()
    steps.append({"adopted": len(client.get("/v1/journeys")["items"])})

    # Both are away now: neither hears of the other.
    phone.update("journeys", journey, xp={"$increment": 40}, sessions={"$increment": 1},
                 minutes={"$increment": 12}, longestStreak=5, currentStreak=5,
                 achievements={"$add": ["ten-minutes"]},
                 challenges={"$add": [challenge("dawn", "COMPLETED", 7),
                                      challenge("focus", "ACTIVE", 1)]})
    phone.update("presets", preset, settings={"in": 5})
    time.sleep(0.01)
    tablet.update("journeys", journey, xp={"$increment": 10}, sessions={"$increment": 1},
                  minutes={"$increment": 3}, achievements={"$add": ["night-owl"]},
                  challenges={"$add": [challenge("dawn", "ACTIVE", 3)]})
    # Impossible: longer than the longest that there ever was.
    tablet.update("journeys", journey, currentStreak=90)
    tablet.update("presets", preset, settings={"hold": 2})
    for device in (tablet, phone, tablet):
        device.sync()

    def shown(coll, row):
        found = [device.see(coll)[row] for device in (phone, tablet)]
        if found[0] != found[1]:
            raise SystemExit(f"{coll}: the devices differ: {found}")
        return found[0]

    met = shown("journeys", journey)
    met["achievements"].sort()
    met["challenges"].sort(key=lambda one: one["id"])
    steps.append({"journey": met, "preset": shown("presets", preset)["settings"]})
    for step in steps:
        print(json.dumps(step, indent=2))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
