"""Random requests for a list of the shelter: filters that mean something, and ones that do not."""

import urllib.parse

from oracle import Row

WORDS = ["ash", "Ash", "elm", "", "%", "_", "a%", "''", 'say "hi"', "back\\slash", "Zoë", "Zoë",
         "東京", "keeper", "alpha", "x" * 40, "DROP TABLE", "null", "10", "9"]
FIELDS = {"name": "String", "note": "String", "count": "Int", "big": "Int64", "ratio": "Float",
          "price": "Money", "day": "Date", "moment": "DateTime", "span": "Duration", "mood": "Mood",
          "done": "Boolean", "shared": "Boolean", "secret": "String", "owner": "User", "den": "Den",
          "den.label": "String", "den.size": "Int", "den.open": "Boolean", "den.owner": "User",
          "den.region": "Region", "den.region.label": "String", "den.region.height": "Int"}
ORDERED = {"String", "Int", "Int64", "Float", "Money", "Date", "DateTime", "Duration"}
KINDS = {"Int": "number", "Int64": "number", "Money": "number"}
SORTABLE = ["name", "note", "count", "big", "ratio", "price", "day", "moment", "span", "mood", "done",
            "secret", "den", "id", "createdAt", "updatedAt", "version"]


class Values:
    """Random values of each type, few enough that some of them are equal."""

    def __init__(self, random, users, ids):
        self.random, self.users, self.ids = random, users, ids

    def of(self, type_):
        r = self.random
        if type_ in ("User", "Den", "Region", "id"):
            return r.choice(self.users if type_ == "User" else self.ids[type_])
        return {
            "String": lambda: r.choice(WORDS), "Int": lambda: r.choice([0, 1, -1, 7, 2**31 - 1, -2**31]),
            "Int64": lambda: r.choice([0, 5, -5, 2**40, "9223372036854775807", "-9007199254740993"]),
            "Float": lambda: r.choice([0.0, 0.5, -1.25, 0.1, 1e300, 3.0]),
            "Money": lambda: r.choice([0, 1250, -3, 7, 10**12]),
            "Date": lambda: r.choice(["2020-02-29", "1969-12-31", "2026-01-01"]),
            "DateTime": lambda: r.choice(["2020-02-29T23:59:59.999Z", "1969-12-31T00:00:00.000Z",
                                          "2026-01-01T12:00:00.000Z", "2026-01-01T12:00:00.001Z"]),
            "Duration": lambda: r.choice(["PT0S", "PT1H30M", "P1D", "PT0.5S", "P2DT3H"]),
            "Mood": lambda: r.choice(["CALM", "LOUD", "SHY"]), "Boolean": lambda: r.random() < 0.5,
        }[type_]()

    def maybe(self, type_):
        return None if self.random.random() < 0.25 else self.of(type_)


def animals(world, values, count):
    """Rows of the shelter, in the order in which they can be made."""
    types, random = world.schema.types, values.random
    for index, label in enumerate(["hidden", "north", "south"]):
        yield Row(types["Region"], values.ids["Region"][index], {
            "label": label, "height": values.maybe("Int")})
    for id_ in values.ids["Den"]:
        yield Row(types["Den"], id_, {
            "owner": values.of("User"), "label": values.of("String"), "size": values.maybe("Int"),
            "open": values.of("Boolean"), "region": values.maybe("Region")})
    yield Row(types["Vault"], values.ids["Vault"][0], {"code": "1234"})
    for id_ in values.ids["id"][:count]:
        fields = {name: values.maybe(type_) for name, type_ in FIELDS.items() if "." not in name}
        for name in ("owner", "name", "shared"):
            fields[name] = values.of(FIELDS[name])
        tags = [random.choice(WORDS) for _ in range(random.randrange(4))]
        fields.update(tags=tags if random.random() < 0.8 else None, never=values.maybe("String"),
                      data=random.choice([None, {"a": 1}, []]), vault=values.ids["Vault"][0])
        yield Row(types["Animal"], id_, fields)


class Filters:
    """Makes filters: `valid` means something to a caller who may name every field of `FIELDS`."""

    def __init__(self, random, values):
        self.random, self.values = random, values

    def quoted(self, text):
        quote = self.random.choice("\"'")
        return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

    def literal(self, type_, bare=True):
        value = self.values.of(type_)
        if type_ == "Boolean":
            return "true" if value else "false"
        # On the left of a comparison a bare name is a field's.
        if type_ == "Mood" and bare and self.random.random() < 0.5:
            return value
        if isinstance(value, str) and not (type_ == "Int64"):
            return self.quoted(value)
        return str(value)

    def condition(self, names):
        """One condition and how many nodes it has."""
        r = self.random
        name = r.choice(names)
        type_ = FIELDS[name]
        kind = r.randrange(12)
        if kind == 0:
            return f"{name} {r.choice(['==', '!='])} null", 3
        if kind == 1:
            items = [self.literal(type_) for _ in range(r.randrange(1, 4))]
            return f"{name} in [{', '.join(items)}]", 2 + len(items)
        if kind == 2:
            return f"{self.literal('String')} in tags", 3
        if kind == 3:
            known = ["ctx.anonymous", "name in ctx.roles", "name in ctx.claims", "tags != null",
                     '"keeper" in ctx.roles', "ctx.uid != null", "true", "mood == mood"]
            if "owner" in names:
                known += ["owner == ctx.uid", "den.owner == ctx.uid", "note in ctx.claims",
                          "data == null", "owner == den.owner", "vault == null"]
            return r.choice(known), 3
        if type_ == "Boolean" and kind < 8:
            return name, 1
        signs = ["==", "!=", "<", "<=", ">", ">="] if type_ in ORDERED else ["==", "!="]
        if kind == 4:
            alike = [n for n in names if KINDS.get(FIELDS[n], FIELDS[n]) == KINDS.get(type_, type_)]
            return f"{name} {r.choice(signs)} {r.choice(alike)}", 3
        if kind == 5:
            return f"{self.literal(type_, bare=False)} {r.choice(signs)} {name}", 3
        return f"{name}{r.choice(['', ' '])}{r.choice(signs)} {self.literal(type_)}", 3

    def valid(self, names, depth=0, budget=40):
        r = self.random
        kind = r.randrange(6)
        if depth >= 3 or kind < 2 or budget < 12:
            return self.condition(names)
        if kind == 2:
            text, nodes = self.valid(names, depth + 1, budget - 1)
            return f"!({text})", nodes + 1
        parts, nodes = [], 0
        for _ in range(r.randrange(2, 4)):
            text, some = self.valid(names, depth + 1, (budget - nodes) // 2)
            if nodes + some + 1 > budget:
                break
            parts.append(f"({text})")
            nodes += some + 1
        return r.choice([" && ", " || ", "&&"]).join(parts), nodes

    def mutated(self, text):
        data = bytearray(text.encode())
        for _ in range(self.random.randrange(1, 6)):
            place = self.random.randrange(len(data) + 1)
            kind = self.random.randrange(4)
            if kind == 0:
                data[place:place + 1] = b""
            elif kind == 1:
                data[place:place] = bytes([self.random.randrange(256)])
            elif kind == 2:
                data[place:place + 1] = bytes([self.random.randrange(256)])
            else:
                data[place:place] = self.random.choice(
                    [b"(", b")", b"[", b"]", b"&&", b"||", b"!", b" in ", b"==", b"\"", b"null",
                     b".", b",", b"\\", b"\x00", b"\xc3\x28", b"--", b"/*", b";"])
        return bytes(data)

    def wild(self, names):
        """A filter that should be refused, or be harmless."""
        r = self.random
        number = r.choice([5, 20, 100, 1000, 3000])
        return r.choice([
            lambda: "(" * number + "done" + ")" * number, lambda: "!" * number + "done",
            lambda: "done" + " && done" * number, lambda: "x" * 10000,
            lambda: "name == \"" + "a" * 10000 + "\"", lambda: "name == \"" + "%_" * 900 + "\"",
            lambda: "name in [" + ",".join(["\"a\""] * number) + "]",
            lambda: "name LIKE \"%a%\"", lambda: "name ~ \"(a+)+$\"", lambda: "secret == secret",
            lambda: "never == \"a\"", lambda: "vault.code == \"1234\"", lambda: "vault.code != null",
            lambda: "vault != null", lambda: "never != null", lambda: "naem == \"x\"",
            lambda: "den.region.dens == null", lambda: "den.animals.name == \"a\"",
            lambda: ".".join(["den"] * number) + " == null", lambda: "owner.email == \"a\"",
            lambda: "owner.password != null", lambda: "_clocks != null", lambda: "deletedAt == null",
            lambda: "rowid > 0", lambda: "count == \"seven\"", lambda: "count == 1e999",
            lambda: "count > 99999999999999999999", lambda: "ratio == " + "9" * number,
            lambda: "moment > \"yesterday\"", lambda: "mood < LOUD", lambda: "mood == QUIET",
            lambda: "tags == \"a\"", lambda: "data.a == 1", lambda: "count in tags",
            lambda: "1 == 1", lambda: "null == null", lambda: "ctx.roles", lambda: "ctx.token == \"\"",
            lambda: "\"boss\" in ctx.roles", lambda: "den == \"x\"", lambda: "count < name",
            lambda: "name == 1", lambda: "count == 1 < 2", lambda: "name in []", lambda: "",
            lambda: "   ", lambda: "'; DROP TABLE animals; --", lambda: "(SELECT 1)",
            lambda: "name == \"a\" OR 1=1", lambda: "sleep(10)", lambda: self.mutated(self.valid(names)[0]),
            lambda: self.mutated(self.valid(names)[0]), lambda: self.mutated(self.valid(names)[0]),
        ])()

    def query(self, names, cursors):
        """The parameters of a request, of any kind."""
        r = self.random
        found = {}
        if r.random() < 0.8:
            found["filter"] = self.wild(names) if r.random() < 0.6 else self.valid(names)[0]
        if r.random() < 0.3:
            keys = r.sample(SORTABLE + ["never", "vault", "tags", "data", "nothing", "-", "", "den.label"],
                            r.randrange(1, 6))
            found["sort"] = ",".join(r.choice(["", "-"]) + key for key in keys)
        if r.random() < 0.25 and cursors:
            cursor = r.choice(cursors)
            if r.random() < 0.6:
                place = r.randrange(len(cursor))
                cursor = cursor[:place] + chr(ord(cursor[place]) ^ 1 << r.randrange(6)) + cursor[place + 1:]
            found["after"] = cursor
        if r.random() < 0.25:
            found["expand"] = r.choice([
                "den", "den.region", "den.animals", "den.animals.den", "den.animals.den.animals",
                "den.animals.den.animals.den.region", "den,den,den", "vault", "never", "owner", "", ".",
                "den.", ".den", "den..region", ",".join(["den"] * 101), "den.region.dens.animals",
                "den,den.region,den.animals"])
        if r.random() < 0.2:
            found["fields"] = r.choice(["id", "name,secret", "never", "nothing", "", ",", "name,name",
                                        "version,createdAt", "den.label", ",".join(["name"] * 101)])
        if r.random() < 0.3:
            found["limit"] = r.choice(["0", "-1", "200", "201", "x", "1", "50", "1e2", "９", ""])
        if r.random() < 0.2:
            found["count"] = r.choice(["exact", "estimated", "none", "all", ""])
        if r.random() < 0.1:
            found["search"] = r.choice(["ash", "a*", "\"", "*", "", "OR", "x" * 300, "a " * 11, "東京"])
        return urllib.parse.urlencode(found)
