"""Pages of every order while others write: no row twice, none missing that was there throughout."""

import os
import random
import threading
import time
import unittest
import uuid

from client import anonymous
from kept import Kept
from server import APPS, Server

SECONDS = float(os.environ.get("ROOST_PAGING_SECONDS", "12"))
SEED = int(os.environ.get("ROOST_PAGING_SEED", "20260102"))
ROWS = 240
# Keys of an order that the writers do not touch: without null, with it, and under a mask.
KEYS = ["name", "count", "mood", "day", "price", "secret", "shared", "createdAt"]
FILTERS = [None, "shared", "count != null", "secret == null || price > 3", "name in [\"a\", \"b\"]"]


class PagingTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(os.path.join(APPS, "shelter"))
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()
        cls.random = random.Random(SEED)
        owners = [anonymous(cls.server.port) for _ in range(2)]
        cls.owners = [Kept(cls.server.port, owner.token, owner.session) for owner in owners]
        cls.stays, cls.bodies = set(), {}
        for owner in cls.owners:
            for start in range(0, ROWS // 2, 60):
                bodies = [cls.body() for _ in range(60)]
                answer = owner.post("/v1/batch", {"operations": [
                    {"method": "POST", "path": "/v1/animals", "body": body} for body in bodies]})
                assert all(r["status"] == 201 for r in answer["results"]), answer
                for body in bodies:
                    cls.stays.add(body["id"])
                    cls.bodies[body["id"]] = (owner.id, body)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    @classmethod
    def body(cls, choose=None):
        """A row with few different values, so that most of an order is decided by the id."""
        r = choose or cls.random
        fields = {"name": r.choice("abcd"), "shared": r.random() < 0.6,
                  "count": r.choice([None, 1, 2]), "mood": r.choice([None, "CALM", "LOUD"]),
                  "day": r.choice([None, "2026-01-01", "2026-01-02"]),
                  "price": r.choice([None, 5]), "secret": r.choice([None, "x", "y"])}
        fields = {name: value for name, value in fields.items() if value is not None}
        return {"id": str(uuid.UUID(int=r.getrandbits(128), version=4)), **fields}

    def write(self, number, stop, faults):
        """Creates, changes and deletes rows of its own, and changes `note` of those that stay."""
        choose = random.Random(SEED + 1 + number)
        owner = self.owners[number]
        client = Kept(owner.port, owner.token, owner.session)
        staying = [id_ for id_, (uid, _) in self.bodies.items() if uid == owner.id]
        own, writes = [], 0
        try:
            while not stop.is_set():
                kind = choose.randrange(4)
                if kind == 0 or len(own) < 5:
                    body = self.body(choose)
                    answer = client.post("/v1/animals", body)
                    own.append(body["id"])
                elif kind == 1 and len(own) > 20:
                    answer = client.delete(f"/v1/animals/{own.pop(choose.randrange(len(own)))}")
                elif kind == 2:
                    # A row that moves in the order may be met twice or not at all, but not faulty.
                    change = {"name": choose.choice("abcd"), "count": choose.choice([None, 1, 2])}
                    answer = client.patch(f"/v1/animals/{choose.choice(own)}", change)
                else:
                    change = {"note": f"{writes}", "tags": [f"{writes}"]}
                    answer = client.patch(f"/v1/animals/{choose.choice(staying)}", change)
                if answer.status not in (200, 201, 204):
                    raise AssertionError(f"{kind}: {answer}")
                writes += 1
                # Leaves the readers a share of a small machine.
                time.sleep(0.002)
        except Exception as fault:  # noqa: BLE001 - told by the main thread
            faults.append(fault)
        finally:
            client.close()
        self.writes += writes

    def visible(self, reader, text):
        """The rows that stay and that a list must hold."""
        found = set()
        for id_, (owner, body) in self.bodies.items():
            whole = owner == reader.id
            if not whole and not body["shared"]:
                continue
            hidden = set() if whole else {"secret", "price", "count"}
            values = {name: None if name in hidden else body.get(name)
                      for name in ("name", "shared", "count", "mood", "day", "price", "secret")}
            if {None: True, FILTERS[1]: values["shared"], FILTERS[2]: values["count"] is not None,
                    FILTERS[3]: values["secret"] is None or (values["price"] or 0) > 3,
                    FILTERS[4]: values["name"] in ("a", "b")}[text]:
                found.add(id_)
        return found

    def walk(self, reader, sort, text, limit):
        """Every page of a list: the ids in their order, with what they were sorted by."""
        query = {"sort": sort, "limit": str(limit)}
        if text is not None:
            query["filter"] = text
        found, pages = [], 0
        while True:
            answer = reader.get("/v1/animals", **query)
            self.assertEqual(answer.status, 200, (query, answer))
            items = answer["items"]
            self.assertLessEqual(len(items), limit)
            found += items
            pages += 1
            if answer["next"] is None:
                return found, pages
            self.assertEqual(len(items), limit)
            query["after"] = answer["next"]

    def check_order(self, items, keys):
        """Rows stand in their order, null (and what is hidden) before every value."""
        def place(item, name):
            value = item.get(name)
            return (value is not None, value if value is not None else 0)

        for left, right in zip(items, items[1:]):
            for key in keys:
                name = key.removeprefix("-")
                first, second = place(left, name), place(right, name)
                if first != second:
                    self.assertEqual(first < second, not key.startswith("-"), (keys, left, right))
                    break
            else:
                if keys and keys[-1].startswith("-"):
                    self.assertGreater(left["id"], right["id"], keys)
                else:
                    self.assertLess(left["id"], right["id"], keys)

    def test_pages_hold_each_row_once_while_others_write(self):
        print(f"\nseed {SEED}")
        stop, faults = threading.Event(), []
        self.writes = 0
        threads = [threading.Thread(target=self.write, args=(number, stop, faults))
                   for number in range(len(self.owners))]
        for thread in threads:
            thread.start()
        lists = pages = 0
        deadline = time.monotonic() + SECONDS
        try:
            while time.monotonic() < deadline and not faults:
                reader = self.random.choice(self.owners)
                keys = [self.random.choice(["", "-"]) + key
                        for key in self.random.sample(KEYS, self.random.randrange(1, 4))]
                text = self.random.choice(FILTERS)
                limit = self.random.choice([7, 20, 50])
                items, some = self.walk(reader, ",".join(keys), text, limit)
                ids = [item["id"] for item in items]
                staying = [item for item in items if item["id"] in self.stays]
                doubled = {id_ for id_ in ids if id_ in self.stays and ids.count(id_) > 1}
                right = self.visible(reader, text)
                named = f"sort={','.join(keys)} filter={text} limit={limit} reader {reader.id}"
                self.assertEqual(doubled, set(), f"twice: {named}")
                met = {item["id"] for item in staying}
                self.assertEqual(right - met, set(), f"missing: {named}")
                self.assertEqual(met - right, set(), f"not of this list: {named}")
                self.check_order(staying, keys)
                lists, pages = lists + 1, pages + some
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if faults:
            raise faults[0]
        print(f"{lists} lists of {pages} pages beside {self.writes} writes")
        self.assertGreater(lists, 5)
        self.assertGreater(self.writes, 50)
