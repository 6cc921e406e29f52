"""The language of rules and filters, once more: written from its description to judge the product.

An expression is parsed into tuples and evaluated with three truth values; None is NULL.
"""

import datetime
import operator
import re
from decimal import Decimal

TOKEN = re.compile(r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<number>-?\d[\w.+-]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!()\[\],.])
)""", re.X)
ESCAPES = {"n": "\n", "t": "\t"}
COMPARISONS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
               ">": operator.gt, ">=": operator.ge}


def tokens(text):
    found, place = [], 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if not match:
            raise ValueError(f"{text!r} at {place}")
        place = match.end()
        kind = match.lastgroup
        value = match.group(kind)
        if kind == "text":
            value = re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), value[1:-1], flags=re.S)
        found.append((kind, value))
    return found + [("end", "")]


class Parser:
    """`||` binds weakest, then `&&`, then `!`, then comparisons."""

    def __init__(self, text):
        self.tokens = tokens(text)
        self.place = 0

    @classmethod
    def parse(cls, text):
        parser = cls(text)
        tree = parser.joined("||", "or", lambda: parser.joined("&&", "and", parser.negation))
        assert parser.tokens[parser.place][0] == "end", text
        return tree

    def took(self, kind, value):
        if self.tokens[self.place] == (kind, value):
            self.place += 1
            return True
        return False

    def joined(self, sign, name, inner):
        parts = [inner()]
        while self.took("sign", sign):
            parts.append(inner())
        return parts[0] if len(parts) == 1 else (name, parts)

    def negation(self):
        if self.took("sign", "!"):
            return ("not", self.negation())
        left = self.operand()
        kind, value = self.tokens[self.place]
        if (kind, value) == ("name", "in"):
            self.place += 1
            return ("in", left, self.operand())
        if kind == "sign" and value in COMPARISONS:
            self.place += 1
            return ("compare", value, left, self.operand())
        return left

    def operand(self):
        if self.took("sign", "("):
            inner = self.joined("||", "or", lambda: self.joined("&&", "and", self.negation))
            assert self.took("sign", ")")
            return inner
        if self.took("sign", "["):
            items = []
            while not self.took("sign", "]"):
                items.append(self.operand())
                self.took("sign", ",")
            return ("list", items)
        kind, value = self.tokens[self.place]
        self.place += 1
        if kind == "text":
            return ("value", value)
        if kind == "number":
            return ("value", Decimal(value))
        assert kind == "name", (kind, value)
        if value in ("true", "false", "null"):
            return ("value", {"true": True, "false": False, "null": None}[value])
        steps = [value]
        while self.took("sign", "."):
            steps.append(self.tokens[self.place][1])
            self.place += 1
        return ("path", steps)


def conjuncts(tree):
    return tree[1] if tree[0] == "and" else [tree]


def paths(tree):
    """Every path in an expression."""
    if tree[0] == "path":
        return [tree[1]]
    found = []
    for part in tree[1:]:
        for item in part if isinstance(part, list) else [part]:
            if isinstance(item, tuple):
                found += paths(item)
    return found


DURATION = re.compile(r"(-)?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$")


def comparable(value, kind):
    """A JSON value of a type as something that Python compares as the product should."""
    if value is None:
        return None
    if kind == "DateTime":
        moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
                ) // datetime.timedelta(milliseconds=1)
    if kind == "Duration":
        sign, weeks, days, hours, minutes, seconds = DURATION.match(value).groups()
        whole = (int(weeks or 0) * 604800 + int(days or 0) * 86400 + int(hours or 0) * 3600
                 + int(minutes or 0) * 60 + Decimal(seconds or 0))
        return -whole if sign else whole
    if kind in ("String", "ID", "Email", "URL", "Date"):
        return value.encode()
    if kind == "id":
        return value.lower()
    if kind in ("Int", "Int64", "Money"):
        return Decimal(value)
    if kind == "Float":
        return Decimal(float(value))
    return value


class Evaluation:
    """`read(steps)` gives (type, value) of a path, or None where the name is no field."""

    def __init__(self, read, roles=(), claims=()):
        self.read, self.roles, self.claims = read, roles, claims

    def truth(self, tree):
        kind = tree[0]
        if kind == "and" or kind == "or":
            results = [self.truth(part) for part in tree[1]]
            decisive = kind == "or"
            if decisive in results:
                return decisive
            return None if None in results else not decisive
        if kind == "not":
            inner = self.truth(tree[1])
            return None if inner is None else not inner
        if kind == "compare":
            return self.compare(*tree[1:])
        if kind == "in":
            return self.within(*tree[1:])
        if kind == "value":
            return tree[1]
        return self.read(tree[1])[1]

    def typed(self, tree):
        """The type and the value of an operand; no type for a literal and the name of an enum's value."""
        if tree[0] == "value":
            return None, tree[1]
        found = self.read(tree[1])
        return found if found is not None else (None, tree[1][0])

    def compare(self, sign, left, right):
        (left_kind, left), (right_kind, right) = self.typed(left), self.typed(right)
        if ("value", None) in ((left_kind or "value", left), (right_kind or "value", right)):
            same = (left is None) == (right is None)
            return same if sign == "==" else not same
        if left is None or right is None:
            return None
        left, right = comparable(left, left_kind or right_kind), comparable(right, right_kind or left_kind)
        return COMPARISONS[sign](left, right)

    def within(self, left, right):
        if right[0] == "list":
            kind, value = self.typed(left)
            if value is None:
                return None
            return comparable(value, kind) in [
                comparable(self.typed(item)[1], kind) for item in right[1]]
        if right[1] in (["ctx", "roles"], ["ctx", "claims"]):
            value = self.typed(left)[1]
            return None if value is None else value in (
                self.roles if right[1][1] == "roles" else self.claims)
        kind, items = self.read(right[1])
        if items is None:
            return None
        return comparable(self.typed(left)[1], kind) in [comparable(item, kind) for item in items]
