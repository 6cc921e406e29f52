"""Every caller, every route, every row, as the rules say: for bandstand and a schema that is hard.

What is right is said by `oracle.py`, which reads the schema by itself. Each difference is printed
with its cell.
"""

import itertools
import json
import unittest
import urllib.parse
import uuid

from oracle import Refused
from worlds import House, bandstand, difficult

MISSING_ID = "01970000-0000-7000-8000-00000000dead"
SYSTEM = {"id", "version", "createdAt", "updatedAt"}
# Fields whose change moves no row from one hand to another, so that a change can stay.
HARMLESS = {"String", "Int", "Money", "JSON", "URL", "Duration"}


class Write:
    """A write of one cell: what is sent, and how the oracle predicts it."""

    def __init__(self, caller, method, type_, row, body, kind):
        self.caller, self.method, self.type, self.row = caller, method, type_, row
        self.body, self.kind = body, kind

    @property
    def path(self):
        base = f"/v1/{self.type.route}"
        return base if self.method == "POST" else f"{base}/{self.row.id}"

    @property
    def headers(self):
        return {} if self.method == "POST" or not self.names_version else {"If-Match": "*"}

    @property
    def names_version(self):
        return not self.kind.endswith("unseen")

    @property
    def operation(self):
        operation = {"method": self.method, "path": self.path, "headers": self.headers}
        if self.body is not None:
            operation["body"] = self.body
        return operation

    def __str__(self):
        label = self.row.label if self.row else "-"
        body = "" if self.body is None else json.dumps(self.body)
        return f"{self.caller} {self.method} {self.type.name}:{label} {self.kind} {body}"


class Matrix:
    """Walks the cells of a house and collects the differences."""

    def __init__(self, house):
        self.house, self.world = house, house.world
        self.differences, self.cells, self.counter = [], 0, 0
        self.statuses = {}

    def cell(self, name, expected, seen):
        self.cells += 1
        if expected != seen:
            self.differences.append(f"{name}\n    ruled: {expected}\n    seen:  {seen}")

    def predicted(self, ask):
        """Status, content and places that the oracle says."""
        try:
            return 200, ask(), []
        except Refused as refusal:
            return refusal.status, None, refusal.pointers

    # Reading

    def record(self, json_):
        fields = {name: value for name, value in json_.items() if name not in SYSTEM}
        return (json_["id"], ordered(fields))

    def shown(self, caller, row):
        return (row.id, ordered(self.world.shown(caller, row)))

    def reads(self, caller, type_):
        """(name, path, what the oracle says, how an answer is read) of the reading routes."""
        world, base = self.world, f"/v1/{type_.route}"

        def items(answer):
            assert answer["next"] is None, "the world is too large for one page"
            return dict(self.record(item) for item in answer["items"])

        def listed():
            return {id_: ordered(fields) for id_, fields in world.list(caller, type_).items()}

        yield "list", f"{base}?limit=200", listed, items
        yield "count", f"{base}?limit=1&count=exact", lambda: len(listed()), lambda a: a["count"]
        yield ("estimate", f"{base}?limit=1&count=estimated&filter=id!=null",
               lambda: len(listed()), lambda a: a["count"])
        yield "missing", f"{base}/{MISSING_ID}", lambda: world.visible(caller, type_, MISSING_ID), None
        rows = list(world.rows[type_.name].values())
        for row in rows:
            yield from self.row_reads(caller, row, listed, items)
        fields = [f for f in type_.stored.values() if f.has("search")]
        for row in rows:
            for field in fields:
                if row.values[field.name] is None:
                    continue
                word = row.values[field.name]
                yield (f"search {row.label} {field.name}", f"{base}?search={word}&limit=200",
                       lambda word=word: self.searched(caller, type_, fields, word), items)

    def searched(self, caller, type_, fields, word):
        found = self.world.list(caller, type_)
        rules = self.world.rules("READ", caller, type_)
        if not any(field.name in rule.mask for rule in rules for field in fields):
            raise Refused(422, "?search")
        return {id_: ordered(shown) for id_, shown in found.items()
                if any(shown.get(f.name) == word for f in fields)}

    def row_reads(self, caller, row, listed, items):
        world, type_ = self.world, row.type
        base = f"/v1/{type_.route}"
        path = f"{base}/{row.id}"

        def one():
            return self.shown(caller, world.visible(caller, type_, row.id))

        yield f"get {row.label}", path, one, self.record
        yield (f"filter id {row.label}", f"{base}?filter=" + urllib.parse.quote(f'id=="{row.id}"'),
               lambda: {k: v for k, v in listed().items() if k == row.id}, items)
        names = list(type_.stored)
        for name in (names[0], names[-1]):
            yield (f"get {row.label} fields={name}", f"{path}?fields={name}",
                   lambda name=name: (row.id, [pair for pair in one()[1] if pair[0] == name]),
                   self.record)
        relations = list(type_.inverses) + [
            f.name for f in type_.stored.values() if f.type in world.schema.types]
        for name in relations:
            yield (f"get {row.label} expand={name}", f"{path}?expand={name}",
                   lambda name=name: self.expanded(caller, type_, row.id, name), self.record)
        for name in type_.inverses:
            yield (f"sub-collection {row.label} {name}", f"{path}/{name}?limit=200",
                   lambda name=name: {
                       id_: ordered(fields)
                       for id_, fields in world.related(caller, type_, row.id, name).items()}, items)

    def expanded(self, caller, type_, id_, name):
        world = self.world
        row = world.visible(caller, type_, id_)
        fields = dict(world.shown(caller, row))
        if name in type_.inverses:
            if name in world.members(caller, row):
                others = []
                try:
                    others = list(world.related(caller, type_, id_, name))
                except Refused:
                    pass
                fields[name] = ("rows", sorted(others))
        elif fields.get(name) is not None:
            target = world.schema.types[type_.stored[name].type]
            other = world.find(target.name, fields[name])
            if other is not None and world.members(caller, other) is not None:
                fields[name] = ("row", other.id, ordered(world.shown(caller, other)))
        return (id_, ordered(fields))

    def walk_reads(self, whole=True):
        """Each reading route by itself, and what a batch takes in one; else lists alone."""
        house = self.house
        for caller, type_ in itertools.product(
                house.callers.values(), self.world.schema.types.values()):
            operations, expectations = [], []
            for name, path, ask, read in self.reads(caller, type_):
                if not whole and name not in ("list", "count"):
                    break
                status, content, pointers = self.predicted(ask)
                expected = (status, content if read else None, pointers)
                answer = caller.client.get(path)
                name = f"{caller} {type_.name} {name}"
                self.cell(name, expected, seen(answer, answer.body and answer.json, read))
                if "/" not in path[4:].split("?")[0] or path.split("?")[0].count("/") == 3:
                    operations.append({"method": "GET", "path": path})
                    expectations.append((f"{name}, in a batch", expected, read))
            for some in chunks(list(zip(operations, expectations)), 90):
                answer = caller.client.post(
                    "/v1/batch", {"operations": [operation for operation, _ in some]})
                for result, (_, (name, expected, read)) in zip(answer["results"], some):
                    self.cell(name, expected, seen(Result(result), result["body"], read))

    # Writing

    def writes(self):
        for caller in self.house.callers.values():
            for type_ in self.world.schema.types.values():
                rows = list(self.world.rows[type_.name].values())
                for row in rows:
                    for kind, body in self.patches(caller, type_, row):
                        yield Write(caller, "PATCH", type_, row, body, kind)
                    kinds = ["delete"] + ["delete unseen"] * (type_.merge == "REJECT")
                    for kind in kinds:
                        yield Write(caller, "DELETE", type_, row, None, kind)
                    for kind, body in self.creations(caller, type_, row):
                        yield Write(caller, "POST", type_, row, body, kind)

    def other(self, field, row, caller):
        """A value that the field does not have."""
        self.counter += 1
        old = row.values[field.name]
        strategy = field.directives.get("merge", {}).get("strategy")
        if strategy == "COUNTER":
            return {"$increment": 1}
        if field.is_list:
            return [f"item{self.counter}"]
        if field.name in self.house.plan.values:
            return self.house.plan.values[field.name]
        if field.type in self.world.schema.enums:
            return next(v for v in self.world.schema.enums[field.type] if v != old)
        return {"Boolean": not old, "String": f"changed{self.counter}", "Duration": "PT3H",
                "Int": 1000 + self.counter, "Money": 1000 + self.counter,
                "JSON": {f"k{self.counter}": 1}}[field.type]

    def patches(self, caller, type_, row):
        for field in type_.stored.values():
            if field.type == "User" or field.type in self.world.schema.types:
                yield from ((f"{field.name} moves", {field.name: value})
                            for value in self.places(field, row, caller))
                continue
            kind = "changes" if self.is_harmless(type_, field) else "alters"
            yield f"{field.name} {kind}", {field.name: self.other(field, row, caller)}
            yield f"{field.name} is repeated", {field.name: row.values[field.name]}
        if type_.merge == "REJECT":
            name = next(n for n, f in type_.stored.items() if not f.has("immutable"))
            yield f"{name} unseen", {name: row.values[name]}
        plain = [f for f in type_.stored.values() if f.type == "String" and not f.is_list]
        if len(plain) > 1:
            yield "several alter", {f.name: self.other(f, row, caller) for f in plain}

    def is_harmless(self, type_, field):
        # The texts that the rules of the difficult schema ask for.
        return field.type in HARMLESS and field.name not in ("code", "nick", "title", "score",
                                                             "grade", "cost")

    def places(self, field, row, caller):
        """Values of a reference or of an account's field: own, foreign, hidden, deleted, none."""
        if field.type == "User":
            values = [caller.uid, self.house.callers["owner"].uid, self.house.callers["plain"].uid]
        else:
            values = list(self.world.rows[field.type])[:5] + [MISSING_ID]
        if not field.required:
            values.append(None)
        return [v for v in dict.fromkeys(values) if v != row.values[field.name]
                and (v is not None or not field.required)]

    def creations(self, caller, type_, row):
        """Rows like `row`, as somebody else might try to make them."""
        body = {name: value for name, value in row.values.items()
                if value is not None and not type_.stored[name].has("serverOnly")}
        for name in {n for names in type_.unique for n in names}:
            if type_.stored[name].type == "User":
                body[name] = self.house.callers["plain"].uid
        yield "like it", body
        owners = [f.name for f in type_.stored.values() if f.type == "User"]
        if caller.uid:
            yield "as one's own", {**body, **{name: caller.uid for name in owners[:1]}}
        required = {n: v for n, v in body.items() if type_.stored[n].required and n not in owners}
        yield "only what is required", required
        hidden = [f.name for f in type_.stored.values() if f.has("serverOnly")]
        if hidden:
            yield "server-only", {**body, hidden[0]: row.values[hidden[0]] or False}

    def ask(self, write, id_):
        """What the oracle says to a write: the row as it is then, or nothing for a deletion."""
        world, type_ = self.world, write.type
        if write.method == "POST":
            return world.create(write.caller, type_, id_, write.body)
        if write.method == "PATCH":
            return world.update(
                write.caller, type_, write.row.id, write.body, write.names_version)
        return world.delete(write.caller, type_, write.row.id, write.names_version)

    def walk_writes(self):
        """Refused ones by themselves and in both batches; allowed ones in one that is undone."""
        refused, harmless, moving, made, undone = {}, [], [], set(), set()
        for write in self.writes():
            id_ = str(uuid.uuid4())
            if write.method == "POST":
                write.body["id"] = id_
                write.body = {"id": write.body.pop("id"), **write.body}
            status, _, pointers = self.judge(write)
            self.statuses[write.method, status] = self.statuses.get((write.method, status), 0) + 1
            # Refused ones of a kind are refused alike: one of them is enough in this batch.
            kind = (write.caller, write.type, write.method, write.kind, status)
            if status == 200 or kind not in undone:
                undone.add(kind)
                self.undo(write, status, pointers)
            if status != 200:
                refused.setdefault(write.caller, []).append((write, status, pointers))
                answer = self.send(write)
                self.cell(str(write), (status, pointers), (
                    answer.status, sorted(answer.pointers) if pointers else []))
            elif write.method == "PATCH" and write.kind.endswith(("changes", "repeated")):
                harmless.append(write)
            elif write.method != "POST" or (write.caller, write.type, write.kind) not in made:
                made.add((write.caller, write.type, write.kind))
                moving.append(write)
        for caller, cells in refused.items():
            for some in chunks(cells, 100):
                answer = caller.client.post(
                    "/v1/batch", {"operations": [write.operation for write, _, _ in some]})
                for result, (write, status, pointers) in zip(answer["results"], some):
                    result = Result(result)
                    self.cell(f"{write}, in a batch", (status, pointers), (
                        result.status, sorted(result.pointers) if pointers else []))
        for write in harmless + moving:
            self.carry_out(write)

    def undo(self, write, status, pointers):
        """Carries a write out in an atomic batch that its last operation undoes: it finds no record."""
        answer = write.caller.client.post("/v1/batch", {"atomic": True, "operations": [
            write.operation,
            {"method": "GET", "path": f"/v1/{self.house.plan.public}/{MISSING_ID}"}]})
        results = [Result(result) for result in answer["results"]]
        expected = (404, 424, []) if status == 200 else (424, status, pointers)
        self.cell(f"{write}, in an atomic batch", (422, *expected), (
            answer.status, results[1].status, results[0].status,
            sorted(results[0].pointers) if status in (403, 422) else []))

    def judge(self, write):
        body = write.body
        if write.method == "POST":
            write.body = {name: value for name, value in body.items() if name != "id"}
        try:
            return self.predicted(lambda: self.ask(write, body["id"] if write.method == "POST" else None))
        finally:
            write.body = body

    def send(self, write):
        arguments = {} if write.body is None else {"body": write.body}
        return write.caller.client.request(
            write.method, write.path, headers=write.headers, **arguments)

    def send_in_batch(self, write):
        answer = write.caller.client.post("/v1/batch", {"operations": [write.operation]})
        return Result(answer["results"][0])

    def carry_out(self, write):
        """Sends a write and does it in the world too, whatever became of its rows meanwhile."""
        status, outcome, pointers = self.judge(write)
        self.counter += 1
        answer = self.send(write) if self.counter % 2 else self.send_in_batch(write)
        right = {"POST": 201, "PATCH": 200, "DELETE": 204}[write.method] if status == 200 else status
        self.cell(f"{write}, for good", (right, pointers),
                  (answer.status, sorted(answer.pointers) if pointers else []))
        if status != 200 or answer.status != right:
            return
        world = self.world
        if write.method == "DELETE":
            going, emptied = outcome
            for row in going:
                row.deleted = True
            for row, name in emptied:
                row.values[name] = None if not row.deleted else row.values[name]
            world.changed()
            return
        if write.method == "POST":
            outcome.label = f"new of {write.row.label}"
            row = world.add(outcome)
        else:
            row = world.rows[write.type.name][write.row.id]
            row.values = outcome[0].values
            world.changed()
        fields = world.shown(write.caller, row)
        expected = (row.id, ordered(fields or {}), {"id", "version"} if fields is None else SYSTEM)
        body = answer.body if isinstance(answer, Result) else answer.json
        self.cell(f"{write}, what is answered", expected,
                  (*self.record(body), SYSTEM & set(body)))


class Result:
    """One result of a batch, like an answer."""

    def __init__(self, result):
        self.status, self.body = result["status"], result["body"]

    @property
    def pointers(self):
        return [issue["pointer"].removeprefix("/operations/0/body")
                for issue in (self.body or {}).get("errors", [])]


def seen(answer, body, read):
    """The part of an answer that the oracle speaks of."""
    if answer.status == 200:
        return 200, read(body) if read else None, []
    return answer.status, None, sorted(answer.pointers)


def ordered(fields):
    """Fields in a form that compares, with relations that were expanded."""
    found = []
    for name, value in sorted(fields.items()):
        if isinstance(value, dict) and SYSTEM <= set(value):
            inner = {key: item for key, item in value.items() if key not in SYSTEM}
            value = ("row", value["id"], ordered(inner))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            value = ("rows", sorted(item["id"] for item in value))
        elif value == [] or value == ("rows", []):
            value = []
        found.append((name, value))
    return found


def chunks(items, size):
    return [items[start:start + size] for start in range(0, len(items), size)]


class MatrixTests(unittest.TestCase):
    def walk(self, plan):
        house = House(plan)
        self.addCleanup(house.close)
        house.open()
        matrix = Matrix(house)
        matrix.walk_reads()
        matrix.walk_writes()
        matrix.walk_reads(whole=False)
        print(f"\n{matrix.cells} cells; writes by status: "
              + ", ".join(f"{m} {s}: {n}" for (m, s), n in sorted(matrix.statuses.items())))
        shown = "\n".join(matrix.differences[:30])
        self.assertEqual(len(matrix.differences), 0, f"cells that are not as ruled:\n{shown}")
        house.server.stop()

    def test_bandstand_is_as_ruled(self):
        self.walk(bandstand())

    def test_the_difficult_schema_is_as_ruled(self):
        self.walk(difficult())
