"""Reads as much of a schema as is needed to say what its rules mean; knows nothing of the product."""

import json
import re

from expressions import Parser

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_0-9]+|[@!:(){}\[\],=]')
COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|#[^\n]*')
OPERATIONS = {"WRITE": {"CREATE", "UPDATE", "DELETE"},
              "ALL": {"READ", "CREATE", "UPDATE", "DELETE"}}


class Field:
    def __init__(self, name, type_, is_list, required, directives):
        self.name, self.type, self.is_list, self.required = name, type_, is_list, required
        self.directives = dict(directives)
        self.rules = [arguments for kind, arguments in directives if kind == "allow"]
        relation = self.directives.get("relation", {})
        self.on_delete = relation.get("onDelete", "RESTRICT")
        self.checks_visibility = relation.get("refCheck") != "NONE"
        self.inverse = relation.get("inverse") if is_list else None

    def has(self, directive):
        return directive in self.directives

    @property
    def default(self):
        """The value of @default as JSON, or None."""
        text = self.directives.get("default", {}).get("value")
        if text is None:
            return None
        plain = self.type not in ("Boolean", "Int", "Float", "JSON", "Money", "Int64")
        return text if plain and not self.is_list else json.loads(text)


class Rule:
    """One @allow."""

    def __init__(self, arguments, mask, is_of_field=False):
        self.is_of_field = is_of_field
        self.operations = set()
        for name in arguments["ops"]:
            self.operations |= OPERATIONS.get(name, {name})
        self.to = arguments.get("to", "USER")
        self.roles = arguments.get("roles")
        self.owner = arguments.get("owner")
        way = self.owner or arguments.get("member")
        self.path = way.split(".") if way else None
        for name in ("having", "when", "check"):
            text = arguments.get(name)
            setattr(self, name, Parser.parse(text) if text else None)
        self.mask = mask


class Denial:
    def __init__(self, arguments):
        self.operations = Rule(arguments, None).operations
        self.when = Parser.parse(arguments["when"])
        self.except_roles = arguments.get("exceptRoles", [])


class Type:
    def __init__(self, name, directives, fields):
        self.name = name
        self.directives = dict(directives)
        self.route = self.directives["collection"].get("name") or plural(name)
        self.merge = self.directives.get("merge", {}).get("strategy", "LAST_WRITE_WINS")
        self.stored = {f.name: f for f in fields if not f.inverse}
        self.inverses = {f.name: f for f in fields if f.inverse}
        members = set(self.stored) | set(self.inverses)
        guarded = {f.name for f in fields if f.rules}
        self.rules = []
        for kind, arguments in directives:
            if kind == "allow":
                mask = set(arguments.get("fields", members)) - set(arguments.get("except", []))
                self.rules.append(Rule(arguments, mask - guarded))
        for field in fields:
            for arguments in field.rules:
                rule = Rule(arguments, {field.name}, True)
                # A record goes with all of its fields.
                rule.operations -= {"DELETE"}
                self.rules.append(rule)
        self.denials = [Denial(a) for kind, a in directives if kind == "deny"]
        self.unique = [[f.name] for f in fields if f.has("unique")] + [
            a["fields"] for kind, a in directives if kind == "index" and a.get("unique")]


def plural(name):
    name = name[0].lower() + name[1:]
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return name + "es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return name + "s"


class Schema:
    """Types, enums, and the roles with all that each inherits."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(COMMENT.sub(lambda m: m[1] or " ", text))
        self.place = 0
        self.types, self.enums, self.closure = {}, {}, {"admin": {"admin"}}
        while self.place < len(self.tokens):
            self.declaration()
        self.by_route = {t.route: t for t in self.types.values()}

    def take(self, expected=None):
        token = self.tokens[self.place]
        assert expected is None or token == expected, (expected, token, self.place)
        self.place += 1
        return token

    def sees(self, token):
        return self.tokens[self.place] == token

    def describes(self):
        if self.tokens[self.place].startswith('"'):
            self.take()

    def declaration(self):
        self.describes()
        kind, name = self.take(), self.take()
        directives = self.directives()
        self.take("{")
        if kind == "enum":
            values = []
            while not self.sees("}"):
                values.append((self.take(), dict(self.directives())))
            self.enums[name] = [value for value, _ in values]
            if dict(directives).get("roles") is not None:
                parents = {v: d.get("inherits", {}).get("from", []) for v, d in values}
                for value in parents:
                    self.closure[value] = self.inherited(value, parents)
        else:
            fields = []
            while not self.sees("}"):
                fields.append(self.field())
            self.types[name] = Type(name, directives, fields)
        self.take("}")

    def inherited(self, role, parents):
        return {role}.union(*(self.inherited(p, parents) for p in parents[role]))

    def field(self):
        self.describes()
        name = self.take()
        self.take(":")
        is_list = self.sees("[")
        if is_list:
            self.take("[")
        type_ = self.take()
        if is_list:
            if self.sees("!"):
                self.take()
            self.take("]")
        required = self.sees("!")
        if required:
            self.take()
        return Field(name, type_, is_list, required, self.directives())

    def directives(self):
        found = []
        while self.place < len(self.tokens) and self.sees("@"):
            self.take()
            name, arguments = self.take(), {}
            if self.sees("("):
                self.take()
                while not self.sees(")"):
                    key = self.take()
                    self.take(":")
                    arguments[key] = self.value()
                    if self.sees(","):
                        self.take()
                self.take(")")
            found.append((name, arguments))
        return found

    def value(self):
        token = self.take()
        if token == "[":
            items = []
            while not self.sees("]"):
                items.append(self.value())
                if self.sees(","):
                    self.take()
            self.take("]")
            return items
        if token.startswith('"'):
            return json.loads(token)
        return {"true": True, "false": False}.get(token, token)
