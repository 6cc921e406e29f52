#!/usr/bin/env python3
"""Three scenes of devices that work offline, played against the real binary.

Usage: scenes.py [train|tablet|folder]...     all three where none is named

    train     two devices change the same records without a network, and meet
    tablet    a tablet is restored from last month's backup, and goes on
    folder    the server's data folder is put back to yesterday's copy

Each has a server of its own with Examples/bandstand on a data folder that is removed afterwards;
the devices are those of the tests, a client of docs/protocol.md in plain Python. Time is made
short: what is a month in the story is a moment here. Exits with 1 unless at the end each device and
the server show the same, and that is what it should be.

ROOST_BINARY names the binary; else it is .build/release/roost, or .build/debug/roost.
"""

import json
import os
import shutil
import sys
import textwrap
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import Client  # noqa: E402
from server import EXAMPLES, REPOSITORY, Folder, Server  # noqa: E402
from sync_client import Device  # noqa: E402

# What the schema says of the app's collections, as far as a device looks at it.
sys.path.insert(1, os.path.join(EXAMPLES, "bandstand"))
from devices import RULES  # noqa: E402

KETTLE = "01970000-0000-7000-8000-000000000001"
LOGIN = {"email": "ida@bandstand.example", "password": "an old oak by the river"}
# What stands in the place of a record that is not there.
NOWHERE = "-"


def binary():
    """The binary to play with; None where there is none."""
    places = [os.path.join(REPOSITORY, ".build", kind, "roost") for kind in ("release", "debug")]
    named = os.environ.get("ROOST_BINARY")
    there = [path for path in ([named] if named else places) if os.access(path, os.X_OK)]
    return os.path.abspath(there[0]) if there else None


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Scene:
    """A server, and Ida with a phone and a tablet that are both signed in."""

    def __init__(self, program, title):
        self.folder = Folder()
        self.server = Server(os.path.join(EXAMPLES, "bandstand"), data=self.folder.join("data"),
                             binary=program)
        self.wrong = []
        print(f"\n{title}\n{'=' * len(title)}")

    def __enter__(self):
        self.server.start()
        answer = Client(self.server.port).post("/v1/auth/register", LOGIN)
        assert answer.status == 201, answer
        # She looks at what the server has by REST, with a session of its own.
        self.rest = Client(self.server.port, answer["accessToken"], answer.json)
        self.phone = Device(self.signed_in(), RULES, name="Phone")
        self.tablet = Device(self.signed_in(), RULES, name="Tablet")
        self.devices = {"phone": self.phone, "tablet": self.tablet}
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.folder.remove()

    def signed_in(self):
        answer = Client(self.server.port).post("/v1/auth/login", LOGIN)
        assert answer.status == 200, answer
        return Client(self.server.port, answer["accessToken"], answer.json)

    # What is told.

    def say(self, text):
        print("\n" + textwrap.fill(text, 92))

    def line(self, who, text):
        print(f"  {who:<7} {text}")

    # What the devices do.

    def update(self, who, coll, row, **values):
        """A change on a device, which shows it at once; gives its `oid`."""
        # So that of two changes one is the later one.
        time.sleep(0.005)
        change = self.devices[who].update(coll, row, **values)
        self.line(who, ", ".join(f"{name} {self.words(value)}" for name, value in values.items()))
        return change

    @staticmethod
    def words(value):
        if isinstance(value, dict) and "$increment" in value:
            return f"+ {value['$increment']}"
        return text_of(value)

    def gig(self, who, notes, **values):
        row = self.devices[who].create(
            "performances", date="2024-06-01T20:00:00.000Z", venue=KETTLE, duration="PT2H",
            notes=notes, **values)
        self.line(who, f'writes down a gig: "{notes}"')
        return row

    def sync(self, *names):
        for name in names:
            self.devices[name].sync()
        print("  " + ", then ".join(names) + ": synced")

    def shows(self, who, coll, row, field):
        """What a device or the server shows of a record now."""
        if who != "server":
            return self.devices[who].see(coll).get(row, {}).get(field, NOWHERE)
        answer = self.rest.get(f"/v1/{coll}/{row}")
        return answer.json.get(field) if answer.status == 200 else NOWHERE

    def tell(self, who, things):
        """One line on what somebody shows: {label: (collection, row, field)}."""
        self.line(who, "shows " + ", ".join(
            f"{label} {text_of(self.shows(who, *place))}" for label, place in things.items()))

    # How it ends.

    def expect(self, is_so, fault):
        if not is_so:
            self.wrong.append(fault)

    def compare(self, things):
        """The table: {label: ((collection, row, field), value that all must show)}."""
        columns = ("phone", "tablet", "server")
        rows = [("", *columns)]
        for label, (place, expected) in things.items():
            shown = [self.shows(who, *place) for who in columns]
            rows.append((label, *map(text_of, shown)))
            for who, value in zip(columns, shown):
                self.expect(value == expected, f"the {who} shows {text_of(value)} for {label}, "
                                               f"and not {text_of(expected)}")
        held = [{coll: device.see(coll) for coll in {coll for coll, _ in device.values}}
                for device in self.devices.values()]
        self.expect(held[0] == held[1], "phone and tablet do not hold the same records")
        waiting = sum(device.unacknowledged() for device in self.devices.values())
        self.expect(waiting == 0, f"{waiting} changes were not taken")
        widths = [max(map(len, column)) for column in zip(*rows)]
        print()
        for row in rows:
            print("  " + "   ".join(f"{cell:<{w}}" for cell, w in zip(row, widths)).rstrip())
        for fault in self.wrong:
            print(f"\nWRONG: {fault}")
        if not self.wrong:
            print(f"\nAll show the same; phone and tablet hold the same "
                  f"{sum(map(len, held[0].values()))} records.")
        return not self.wrong


# The scenes

def train(program):
    """Two devices change the same records without a network, and meet."""
    with Scene(program, "Two devices on a train") as scene:
        phone, me = scene.phone, scene.rest.id
        band = scene.rest.create("bands", name="The Long Echo")["id"]
        scene.rest.create("bandMembers", band=band, user=me, role="LEADER")
        scene.say("At home, Ida writes on the phone. The tablet syncs too, and has the same.")
        gig = scene.gig("phone", "Bring the cello", payment=30000)
        goal = phone.create("goals", title="Play more", progress=0)
        settings = phone.create("settingses", data={"light": "red", "monitor": 3})
        booking = phone.create("bookings", band=band, venue=KETTLE, fee=50000,
                               startsAt="2098-07-01T19:00:00.000Z",
                               endsAt="2098-07-01T22:00:00.000Z")
        scene.sync("phone", "tablet")

        scene.say("On the train there is no network. First she works on the phone:")
        scene.update("phone", "performances", gig, payment=31000, audienceSize=120)
        scene.update("phone", "goals", goal, progress={"$increment": 2})
        scene.update("phone", "settingses", settings, data={"light": "blue"})
        refused = scene.update("phone", "bookings", booking, fee=60000)
        scene.say("Then on the tablet, which knows nothing of that:")
        scene.update("tablet", "performances", gig, payment=32000, notes="Bring the long cable")
        scene.update("tablet", "goals", goal, progress={"$increment": 3})
        scene.update("tablet", "settingses", settings, data={"monitor": 5})
        scene.update("tablet", "bookings", booking, fee=55000)
        scene.say("Each shows what was done on it:")
        for who in scene.devices:
            scene.tell(who, {"payment": ("performances", gig, "payment"),
                             "progress": ("goals", goal, "progress"),
                             "fee": ("bookings", booking, "fee")})

        scene.say("The tablet finds a network first. Then the phone does.")
        scene.sync("tablet", "phone", "tablet")
        result = phone.results[refused]
        scene.expect(result.get("code") == "conflict", f"the phone was told {result}")
        scene.say("Bookings merge by REJECT: the tablet's fee came first, and the phone is told "
                  "that its own did not take place:")
        scene.line("phone", f"{result['result']}: {result.get('message')}")
        return scene.compare({
            "payment (the later one)": (("performances", gig, "payment"), 32000),
            "audience (only the phone's)": (("performances", gig, "audienceSize"), 120),
            "notes (only the tablet's)": (("performances", gig, "notes"), "Bring the long cable"),
            "progress (0 + 2 + 3)": (("goals", goal, "progress"), 5),
            "settings (part by part)": (("settingses", settings, "data"),
                                        {"light": "blue", "monitor": 5}),
            "fee (what came first)": (("bookings", booking, "fee"), 55000)})


def tablet(program):
    """A tablet is restored from last month's backup, and goes on."""
    with Scene(program, "A tablet restored from last month's backup") as scene:
        scene.say("Ida counts her concerts on two devices.")
        goal = scene.phone.create("goals", title="Play a hundred concerts", progress=1)
        scene.sync("phone", "tablet")
        place = ("goals", goal, "progress")
        scene.say("The tablet is offline. It counts 2 more, which wait in its queue, and a backup "
                  "of the whole tablet is made.")
        scene.update("tablet", "goals", goal, progress={"$increment": 2})
        backup = scene.tablet.copy()
        scene.say("The month goes on: the 2 are sent, and both devices do more.")
        scene.update("tablet", "goals", goal, progress={"$increment": 10})
        gig = scene.gig("tablet", "Written after the backup")
        scene.update("phone", "goals", goal, progress={"$increment": 100})
        scene.sync("tablet", "phone", "tablet")
        scene.tell("tablet", {"progress": place, "gig": ("performances", gig, "notes")})

        scene.say("The tablet falls into the harbour. A new one gets the backup, and Ida signs in. "
                  "It knows nothing of the month, and its queue still holds the 2:")
        scene.tablet.restore(backup)
        scene.tablet.client = scene.signed_in()
        scene.tell("tablet", {"progress": place, "gig": ("performances", gig, "notes")})
        scene.say("Before it finds a network, she works on it:")
        scene.update("tablet", "goals", goal, progress={"$increment": 1000})
        later = scene.gig("tablet", "Written on the restored tablet")
        scene.sync("tablet", "phone")
        scene.say("The server saw that this tablet had been further once: the tablet goes on under "
                  "a new id, the 2 are recognised as done, and the month comes back.")
        forks = (scene.phone.forks, scene.tablet.forks)
        scene.expect(forks == (0, 1), f"phone and tablet took {forks} new ids, not (0, 1)")
        results = [result["result"] for result in scene.tablet.results.values()]
        scene.line("tablet", "its changes were answered: " + ", ".join(results))
        scene.expect("dup" in results, "the change that was sent twice was not recognised")
        return scene.compare({
            "progress (1 + 2 + 10 + 100 + 1000)": (place, 1113),
            "the gig of the month": (("performances", gig, "notes"), "Written after the backup"),
            "the gig after it": (
                ("performances", later, "notes"), "Written on the restored tablet")})


def folder(program):
    """The server's data folder is put back to yesterday's copy."""
    with Scene(program, "A data folder put back to yesterday's copy") as scene:
        copy = scene.folder.join("yesterday")
        scene.say("Yesterday: both devices show a goal. The server is stopped, its data folder "
                  "copied, and the server started again.")
        goal = scene.phone.create("goals", title="Play a hundred concerts", progress=1)
        scene.sync("phone", "tablet")
        place = ("goals", goal, "progress")
        stopped(scene, lambda data: shutil.copytree(data, copy))

        scene.say("Today: the devices and the server do more, and all have it.")
        scene.update("phone", "goals", goal, progress={"$increment": 10})
        gig = scene.gig("phone", "Written today")
        scene.update("tablet", "goals", goal, progress={"$increment": 100})
        venue = scene.rest.create("venues", name="The Blue Door")["id"]
        scene.line("REST", 'adds a venue, which no device wrote: "The Blue Door"')
        scene.sync("phone", "tablet", "phone")
        things = {"progress": place, "gig": ("performances", gig, "notes"),
                  "venue": ("venues", venue, "name")}
        scene.tell("phone", things)
        epoch = scene.phone.epoch

        scene.say("The server's disk dies. Yesterday's copy of the folder is put back, by hand:")

        def put_back(data):
            shutil.rmtree(data)
            shutil.copytree(copy, data)

        stopped(scene, put_back)
        scene.tell("server", things)
        scene.say("The tablet, offline, works on. Then both come:")
        scene.update("tablet", "goals", goal, progress={"$increment": 1000})
        scene.sync("phone", "tablet", "phone")
        scene.say("The server saw that a device knew more than it did, and began a new epoch. The "
                  "devices sent again what the copy lacked of their changes. What no device had "
                  "written is as gone as yesterday's disk.")
        scene.expect(scene.phone.epoch != epoch, "the server did not notice")
        return scene.compare({
            "progress (1 + 10 + 100 + 1000)": (place, 1111),
            "the gig of today": (("performances", gig, "notes"), "Written today"),
            "the venue, by REST alone": (("venues", venue, "name"), NOWHERE)})


def stopped(scene, work):
    """Stops the server, does `work` with its data folder, and starts it again."""
    scene.server.stop()
    work(scene.server.data)
    scene.server.start()
    for client in (scene.rest, scene.phone.client, scene.tablet.client):
        client.port = scene.server.port


SCENES = {"train": train, "tablet": tablet, "folder": folder}


def main(names):
    unknown = [name for name in names if name not in SCENES]
    if unknown:
        print(f"scenes.py: there is no scene {unknown[0]}; there are {', '.join(SCENES)}",
              file=sys.stderr)
        return 2
    program = binary()
    if program is None:
        print("scenes.py: there is no binary: `make build` makes it, ROOST_BINARY names another",
              file=sys.stderr)
        return 2
    failed = []
    for name in names or SCENES:
        try:
            converged = SCENES[name](program)
        except AssertionError as fault:
            # A device that comes to no end says all that it heard.
            print(f"\nWRONG: {str(fault)[:300]}")
            converged = False
        if not converged:
            failed.append(name)
    print("\n" + (f"Did not converge: {', '.join(failed)}" if failed else "Converged."))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
