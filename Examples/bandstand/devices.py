#!/usr/bin/env python3
"""Two devices of one musician change the same records without a network, and meet.

Usage: devices.py ADDRESS TOKEN BAND VENUE

The devices are those of the project's tests: a client of docs/protocol.md in plain Python.
"""

import json
import os
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Tests", "EndToEnd"))
sys.dont_write_bytecode = True

from client import Client  # noqa: E402
from sync_client import Device  # noqa: E402

# What schema.graphql says of these collections, as far as a device looks at it.
RULES = {
    "goals": {"fields": {"title": {"strategy": "CLIENT_WINS"},
                         "progress": {"strategy": "COUNTER", "numbers": "int32"}}},
    "settingses": {"fields": {"data": {"strategy": "MERGE_DEEP"}}},
    "bookings": {"fields": {"fee": {"strategy": "REJECT"}}},
    "venues": {"tier": "DAILY"},
}


def main(address, token, band, venue):
    client = Client(urllib.parse.urlsplit(address).port, token)
    phone, tablet = Device(client, RULES), Device(client, RULES, name="Tablet")

    gig = phone.create("performances", date="2024-06-01T20:00:00.000Z", venue=venue, band=band,
                       duration="PT2H", payment=30000)
    goal = phone.create("goals", title="Play more", progress=0)
    settings = phone.create("settingses", data={"stage": {"light": "red", "monitor": 3}})
    booking = phone.create("bookings", band=band, venue=venue, fee=50000,
                           startsAt="2098-07-01T19:00:00.000Z", endsAt="2098-07-01T22:00:00.000Z")
    for device in (phone, tablet):
        device.sync()
    for result in phone.results.values():
        if result.get("code"):
            raise SystemExit(f"{result['code']}: {result.get('message', '')}")

    # Both are in a train now: neither hears of the other.
    phone.update("performances", gig, payment=31000, audienceSize=120)
    phone.update("goals", goal, title="Play a lot", progress={"$increment": 2})
    phone.update("settingses", settings, data={"stage": {"light": "blue"}})
    refused = phone.update("bookings", booking, fee=60000)
    time.sleep(0.01)
    tablet.update("performances", gig, payment=32000, notes="Bring the long cable")
    tablet.update("goals", goal, title="Play everywhere", progress={"$increment": 3})
    tablet.update("settingses", settings, data={"stage": {"monitor": 5}, "tuner": 442})
    tablet.update("bookings", booking, fee=55000)

    # The tablet finds a network first, then the phone.
    for device in (tablet, phone, tablet):
        device.sync()

    def shown(coll, row, *names):
        values = [{name: device.see(coll)[row][name] for name in names}
                  for device in (phone, tablet)]
        if values[0] != values[1]:
            raise SystemExit(f"{coll}: the devices differ: {values}")
        return values[0]

    result = phone.results[refused]
    print(json.dumps({
        "performance": shown("performances", gig, "payment", "audienceSize", "notes"),
        "goal": shown("goals", goal, "title", "progress"),
        "settings": shown("settingses", settings, "data")["data"],
        "booking": shown("bookings", booking, "fee"),
        "refused": {"code": result["code"], "values": result["values"]},
    }, indent=2))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
