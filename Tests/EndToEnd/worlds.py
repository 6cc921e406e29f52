"""The people and rows of the matrix, for each of its schemas, and a server that holds them."""

import json
import os
import re
import uuid

from client import Client
from kept import Kept
from oracle import Caller, Row, World
from sdl import Schema
from server import APPS, EXAMPLES, Folder, Server

PASSWORD = "an old oak by the river"
NAMESPACE = uuid.UUID("6f1b7c52-2a39-4f0e-9f10-6d6174726978")
PAST = "2020-05-0{}T20:00:00.000Z"
FUTURE = "2099-05-0{}T20:00:00.000Z"


def identifier(label):
    return str(uuid.uuid5(NAMESPACE, label))


class Plan:
    """Who there is and which rows: `@name` is an account, `Type:label` a row."""

    def __init__(self, schema, people, rows, deletions, public, values):
        self.schema, self.people, self.rows = schema, people, rows
        self.deletions, self.public, self.values = deletions, public, values


def bandstand():
    people = {
        "anonymous": {"anonymous": True}, "plain": {}, "owner": {}, "founder": {}, "leader": {},
        "member": {}, "former": {}, "stranger": {}, "musician": {"roles": ["musician"]},
        "support": {"roles": ["support"]}, "admin": {"roles": ["admin"]},
        "claimant": {"claims": ["alpha"]}}

    def played(label, owner, band, number, **more):
        return ("Performance", label, dict(
            owner=owner, band=band, date=PAST.format(number), venue="Venue:hall",
            duration="PT2H", payment=100 * number, audienceSize=number, notes=f"note {label}",
            locked=False, **more))

    rows = [
        ("MusicianProfile", "public", dict(
            user="@owner", stageName="stagepublic", legalName="Ada", phone="1", isPublic=True,
            instruments=["drums"], genres=["jazz"])),
        ("MusicianProfile", "private", dict(
            user="@member", stageName="stageprivate", legalName="Bob", phone="2", isPublic=False,
            instruments=["bass"], genres=[])),
        ("MusicianProfile", "deleted", dict(
            user="@leader", stageName="stagedeleted", isPublic=True, instruments=[], genres=[])),
        ("MusicianProfile", "foreign", dict(
            user="@stranger", stageName="stageforeign", isPublic=True, instruments=["harp"],
            genres=[])),
        ("Band", "shared", dict(name="bandshared", founder="@founder")),
        ("Band", "foreign", dict(name="bandforeign", founder="@stranger")),
        ("Band", "deleted", dict(name="banddeleted", founder="@founder")),
        ("BandMember", "leader", dict(band="Band:shared", user="@leader", role="LEADER")),
        ("BandMember", "member", dict(band="Band:shared", user="@member", role="MEMBER")),
        ("BandMember", "former", dict(band="Band:shared", user="@former", role="LEADER")),
        ("BandMember", "foreign", dict(band="Band:foreign", user="@stranger", role="MANAGER")),
        ("BandMember", "deleted", dict(band="Band:deleted", user="@member", role="LEADER")),
        ("Venue", "hall", dict(name="venuehall", capacity=10, website="https://a.example")),
        ("Venue", "cellar", dict(name="venuecellar")),
        ("SetList", "shared", dict(band="Band:shared", title="one", songs=["a"])),
        ("SetList", "foreign", dict(band="Band:foreign", title="two", songs=[])),
        ("SetList", "deleted", dict(band="Band:shared", title="three", songs=[])),
        played("own", "@owner", None, 1), played("shared", "@owner", "Band:shared", 2),
        played("foreign", "@stranger", "Band:foreign", 3),
        played("deleted", "@owner", "Band:shared", 4),
        played("members", "@member", "Band:shared", 5, setList="SetList:shared"),
        played("strangers", "@stranger", "Band:shared", 6),
        ("Booking", "shared", dict(
            band="Band:shared", venue="Venue:hall", startsAt=FUTURE.format(1),
            endsAt=FUTURE.format(8), fee=5)),
        ("Booking", "foreign", dict(
            band="Band:foreign", venue="Venue:cellar", startsAt=FUTURE.format(1),
            endsAt=FUTURE.format(8))),
        ("Booking", "deleted", dict(
            band="Band:shared", venue="Venue:hall", startsAt=FUTURE.format(1),
            endsAt=FUTURE.format(8))),
        ("Goal", "own", dict(owner="@owner", title="goal own", progress=1)),
        ("Goal", "shared", dict(owner="@owner", band="Band:shared", title="goal shared", progress=2)),
        ("Goal", "foreign", dict(
            owner="@stranger", band="Band:foreign", title="goal foreign", progress=3)),
        ("Goal", "deleted", dict(owner="@owner", band="Band:shared", title="gone", progress=4)),
        ("Settings", "own", dict(owner="@owner", data={"a": 1})),
        ("Settings", "foreign", dict(owner="@stranger", data={})),
        ("Settings", "deleted", dict(owner="@member", data={}))]
    for label in ("locked", "lockedAlone"):
        kind, label, values = played(label, "@owner", "Band:shared" if label == "locked" else None, 7)
        rows.append((kind, label, {**values, "locked": True}))
    deletions = [
        ("leader", "MusicianProfile:deleted"), ("founder", "Band:deleted"),
        ("founder", "BandMember:former"), ("member", "SetList:deleted"),
        ("owner", "Performance:deleted"), ("leader", "Booking:deleted"), ("owner", "Goal:deleted"),
        ("member", "Settings:deleted")]
    with open(os.path.join(EXAMPLES, "bandstand/schema.graphql"), encoding="utf-8") as file:
        text = file.read()
    return Plan(text, people, rows, deletions, "musicianProfiles", {
        "date": "2021-01-02T03:04:05.000Z", "startsAt": FUTURE.format(2), "endsAt": FUTURE.format(9),
        "website": "https://b.example"})


def difficult():
    people = {
        "anonymous": {"anonymous": True}, "plain": {}, "owner": {}, "parent": {}, "low": {},
        "middle": {}, "high": {}, "left": {}, "former": {}, "deputy": {}, "reviewer": {},
        "reader": {"roles": ["reader"]}, "writer": {"roles": ["writer"]},
        "auditor": {"roles": ["auditor"]}, "chief": {"roles": ["chief"]},
        "admin": {"roles": ["admin"]}, "claimant": {"claims": ["alpha", "beta"]},
        "anonymousAuditor": {"anonymous": True, "roles": ["auditor"]}}

    def node(label, owner, parent=None, **more):
        return ("Node", label, dict(
            owner=owner, parent=parent, name=f"node{label}", secret=f"secret{label}",
            **{"rank": "LOW", "frozen": False, **more}))

    def project(label, lead, team=None, **more):
        return ("Project", label, dict(
            team=team, lead=lead, **{"title": f"project{label}", "rank": "LOW", "cost": 7, **more}))

    def paper(label, author, reviewer=None, project=None, **more):
        return ("Paper", label, dict(
            author=author, reviewer=reviewer, project=project, title=f"paper{label}",
            draft=f"draft{label}", **{"grade": 3, "published": False, **more}))

    rows = [
        node("root", "@parent"), node("open", "@parent", rank="HIGH"),
        node("own", "@owner", "Node:root"), node("sibling", "@middle", "Node:root"),
        node("frozen", "@owner", frozen=True, rank="MIDDLE"),
        node("inFrozen", "@owner", "Node:frozen"), node("deep", "@low", "Node:own"),
        node("deleted", "@owner", "Node:root"), node("gone", "@parent"),
        node("orphan", "@owner", "Node:gone"), node("plainRoot", "@anonymous", rank="HIGH"),
        ("Team", "open", dict(name="teamopen", code="open", isOpen=True, budget=9)),
        ("Team", "alpha", dict(name="teamalpha", code="alpha", isOpen=False, budget=8)),
        ("Team", "closed", dict(name="teamclosed", code="closed", isOpen=False, budget=7)),
        ("Team", "deleted", dict(name="teamdeleted", code="beta", isOpen=True))]
    for team in ("open", "alpha", "closed"):
        for person, rank, until in (("low", "LOW", None), ("middle", "MIDDLE", None),
                                    ("high", "HIGH", None), ("left", "MIDDLE", "2020-01-01"),
                                    ("former", "HIGH", None)):
            rows.append(("Seat", team + person, dict(
                team=f"Team:{team}", person=f"@{person}", rank=rank, until=until)))
    rows += [
        ("Seat", "goes", dict(team="Team:deleted", person="@low", rank="HIGH")),
        project("alone", "@owner"), project("open", "@owner", "Team:open", deputy="@deputy"),
        project("alpha", "@owner", "Team:alpha", deputy="@deputy", rank="MIDDLE"),
        project("high", "@owner", "Team:open", rank="HIGH"),
        project("secret", "@owner", "Team:alpha", rank="HIGH", deputy="@low"),
        project("closed", "@owner", "Team:closed", deputy="@deputy"),
        project("ghost", "@owner", "Team:open", title="ghost", deputy="@deputy"),
        project("foreign", "@anonymous", "Team:open"),
        project("deleted", "@owner", "Team:open"),
        project("orphan", "@owner", "Team:deleted"),
        paper("own", "@owner", "@reviewer", "Project:open"),
        paper("both", "@reviewer", "@reviewer", "Project:open"),
        paper("published", "@parent", "@reviewer", published=True),
        paper("alpha", "@high", None, "Project:alpha", grade=0),
        paper("foreign", "@parent"), paper("deleted", "@owner", "@reviewer"),
        paper("orphan", "@owner", None, "Project:deleted"),
        ("Visitor", "own", dict(person="@anonymous", nick="nickown", mood="glad", serial=1)),
        ("Visitor", "other", dict(person="@anonymousAuditor", nick="hidden", mood="calm", serial=2)),
        ("Visitor", "registered", dict(person="@owner", nick="nickregistered", mood="sad")),
        ("Visitor", "deleted", dict(person="@anonymous", nick="nickdeleted")),
        ("Suggestion", "own", dict(author="@owner", text="more")),
        ("Suggestion", "nobodys", dict(text="less")),
        ("Suggestion", "foreign", dict(author="@parent", text="other"))]
    for label, about, by, score in (("own", "own", "owner", 1), ("byReader", "own", "reader", 2),
                                    ("bad", "own", "high", -1), ("published", "published", "low", 4),
                                    ("both", "both", "reader", 5), ("deleted", "own", "low", 3)):
        rows.append(("Review", label, dict(
            paper=f"Paper:{about}", by=f"@{by}", score=score, text=f"review {label}")))
    deletions = [
        ("owner", "Node:deleted"), ("parent", "Node:gone"), ("chief", "Team:deleted"),
        ("former", "Seat:openformer"), ("former", "Seat:alphaformer"), ("former", "Seat:closedformer"),
        ("auditor", "Project:deleted"), ("anonymous", "Visitor:deleted"), ("low", "Review:deleted")]
    with open(os.path.join(APPS, "difficult/schema.graphql"), encoding="utf-8") as file:
        text = file.read()
    return Plan(text, people, rows, deletions, "teams", {"until": "2030-01-01"})


class House:
    """A server with the accounts and rows of a plan, beside the world that says what is right."""

    def __init__(self, plan):
        self.plan = plan
        self.world = World(Schema(plan.schema))
        self.folder = Folder({"schema.graphql": plan.schema})
        self.server = Server(self.folder.path)
        self.callers = {"nobody": Caller("nobody", None)}

    def open(self):
        self.server.start()
        self.register()
        self.seed()
        self.server.restart()
        for caller in self.callers.values():
            caller.client.port = self.server.port
        for name, target in self.plan.deletions:
            self.delete(self.callers[name], self.row(target))
        return self

    def close(self):
        for caller in self.callers.values():
            if caller.client:
                caller.client.close()
        self.server.kill()
        self.folder.remove()

    def register(self):
        port = self.server.port
        self.callers["nobody"].client = Kept(port)
        for name, traits in self.plan.people.items():
            if traits.get("anonymous"):
                answer = Client(port).post("/v1/auth/anonymous", {})
            else:
                answer = Client(port).post("/v1/auth/register", {
                    "email": f"{name}@example.org", "password": PASSWORD})
            assert answer.status == 201, answer
            session = answer.json
            caller = Caller(
                name, Kept(port, session["accessToken"], session), session["user"]["id"],
                bool(traits.get("anonymous")), traits.get("roles", []), traits.get("claims", []))
            caller.roles = set().union(
                *(self.world.schema.closure[role] for role in caller.granted))
            self.callers[name] = caller
        admin = self.callers["admin"].client
        token = re.search(r"/v1/admin/claim#(\S+)", self.server.messages())[1]
        assert admin.post("/v1/admin/claim", {"token": token}).status == 204
        for caller in self.callers.values():
            grants = [f"roles/{role}" for role in caller.granted]
            for grant in grants + [f"claims/{claim}" for claim in caller.claims]:
                answer = admin.request("PUT", f"/v1/admin/users/{caller.uid}/{grant}")
                assert answer.status == 204, answer

    def seed(self):
        lines = {}
        for type_name, label, values in self.plan.rows:
            type_ = self.world.schema.types[type_name]
            row = Row(type_, identifier(f"{type_name}:{label}"),
                      {name: self.resolved(value) for name, value in values.items()}, label)
            self.world.add(row)
            record = {"id": row.id, **{k: v for k, v in row.values.items() if v is not None}}
            lines.setdefault(type_.route, []).append(json.dumps(record) + "\n")
        for route, records in lines.items():
            self.folder.write(f"seeds/{route}.jsonl", "".join(records))

    def resolved(self, value):
        if isinstance(value, str) and value.startswith("@"):
            return self.callers[value[1:]].uid
        if isinstance(value, str) and value.split(":")[0] in self.world.schema.types:
            return identifier(value)
        return value

    def row(self, name):
        return self.world.rows[name.split(":")[0]][identifier(name)]

    def delete(self, caller, row):
        """Deletes a row that the caller may delete, on both sides."""
        going, emptied = self.world.delete(caller, row.type, row.id)
        answer = caller.client.delete(f"/v1/{row.type.route}/{row.id}", {"If-Match": "*"})
        assert answer.status == 204, (caller, row.type.name, row.label, answer)
        for gone in going:
            gone.deleted = True
        for other, name in emptied:
            if not other.deleted:
                other.values[name] = None
        self.world.changed()
