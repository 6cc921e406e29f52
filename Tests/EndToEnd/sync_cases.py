"""What tests of the sync client share: an app, its devices, and when they are settled."""

import time

from cases import ServedCase
from client import anonymous
from sync_client import Device

SCHEMA = """
enum Level { BRONZE SILVER GOLD }
type Band @collection @allow(ops: [ALL], owner: "founder")
  @allow(ops: [READ], member: "members.user") {
  founder: User!
  name: String! @constraint(maxLength: 20)
  members: [Member!]! @relation(inverse: "band")
}
type Member @collection @allow(ops: [READ, CREATE, DELETE], owner: "band.founder")
  @allow(ops: [READ], owner: "user") {
  band: Band! @immutable @relation(inverse: "members", onDelete: CASCADE)
  user: User! @immutable @relation(refCheck: NONE)
}
type Gig @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ], owner: "helper")
  @allow(ops: [READ, UPDATE], member: "band.members.user", except: ["fee"]) {
  owner: User! @immutable
  helper: User @relation(refCheck: NONE)
  band: Band @relation(onDelete: SET_NULL)
  title: String! @constraint(maxLength: 40)
  fee: Int
  place: String @serverOnly
  plays: Int! @merge(strategy: COUNTER) @default(value: "0")
  tags: [String!] @merge(strategy: SET_UNION)
  best: Int @merge(strategy: MAX)
  level: Level @merge(strategy: MAX)
  notes: JSON @merge(strategy: MERGE_DEEP)
  price: Int @merge(strategy: REJECT)
  poster: String @merge(strategy: USER_CHOICE)
  stage: String @merge(strategy: SERVER_WINS)
  diary: String @sync(tier: DAILY)
}
type News @collection(name: "news") @sync(tier: DAILY) @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  text: String!
}
type Book @collection @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  title: String!
  ledger: String @sync(tier: SERVER_ONLY)
}
type Deep @collection @sync(tier: SERVER_ONLY) @allow(ops: [ALL]) { text: String! }
"""
RULES = {
    "gigs": {"fields": {
        "plays": {"strategy": "COUNTER", "numbers": "int32"},
        "tags": {"strategy": "SET_UNION"}, "best": {"strategy": "MAX"},
        "level": {"strategy": "MAX", "order": {"declared": ["BRONZE", "SILVER", "GOLD"]}},
        "notes": {"strategy": "MERGE_DEEP"}, "price": {"strategy": "REJECT"},
        "poster": {"strategy": "USER_CHOICE"}, "stage": {"strategy": "SERVER_WINS"},
        "diary": {"tier": "DAILY"}}},
    "news": {"tier": "DAILY"},
}

YEARS = 365 * 86_400_000


def now():
    return time.time_ns() // 1_000_000


class SyncCase(ServedCase):
    schema = SCHEMA

    def setUp(self):
        self.ann = anonymous(self.server.port)
        self.bob = anonymous(self.server.port)

    def device(self, client=None, **options):
        return Device(client or self.ann, RULES, **options)

    def pair(self, **gig):
        """Two devices of Ann that both hold a gig; gives them and its id."""
        phone, tablet = self.device(), self.device(name="Tablet")
        row = phone.create("gigs", owner=self.ann.id, **{"title": "Loud", **gig})
        phone.sync()
        tablet.sync()
        self.assertIn(row, tablet.see("gigs"))
        return phone, tablet, row

    def rest(self, client, coll):
        rows, query = {}, {"limit": 200}
        while True:
            answer = client.get(f"/v1/{coll}", **query)
            self.assertEqual(answer.status, 200, answer)
            rows |= {item["id"]: {name: value for name, value in item.items()
                                  if name not in ("id", "version")} for item in answer["items"]}
            if answer["next"] is None:
                return rows
            query["after"] = answer["next"]

    def settle(self, *devices, errors=()):
        """Syncs until every device has seen what the others brought; they show what REST does."""
        for device in devices * 2:
            device.sync()
        for device in devices:
            self.assertEqual([e for e in device.errors if e["code"] not in errors], [])
            self.assertEqual(device.unacknowledged(), 0)
            self.assertEqual(device.pending(), [])
            for coll in ("bands", "members", "gigs", "news"):
                self.assertEqual(device.see(coll), self.rest(device.client, coll), coll)
            self.assertEqual(device.see("deeps"), {})

    def made(self, bodies):
        """Gigs of Ann's, made over REST; gives their ids."""
        rows = []
        for start in range(0, len(bodies), 100):
            operations = [{"method": "POST", "path": "/v1/gigs",
                           "body": {"owner": self.ann.id, **body}}
                          for body in bodies[start:start + 100]]
            answer = self.ann.post("/v1/batch", {"operations": operations, "atomic": True})
            self.assertEqual(answer.status, 200, answer)
            rows += [result["body"]["id"] for result in answer["results"]]
        return rows

    def outcome(self, device, oid):
        result = device.results[oid]
        return result["result"], result.get("code")

    def band(self):
        """A band of Ann's that Bob is a member of; gives its id and that of the membership."""
        band = self.ann.create("bands", founder=self.ann.id, name="Owls")["id"]
        return band, self.ann.create("members", band=band, user=self.bob.id)["id"]
