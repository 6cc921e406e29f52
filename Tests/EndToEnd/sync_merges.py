"""What docs/protocol.md says of strategies, in plain Python; no state."""

import json
import re

from sync_rules import NO_STAMP, canonical, time_of

COMPARING = ("CLIENT_WINS", "SERVER_WINS", "REJECT", "USER_CHOICE")
# What stands at a path of a document where there is nothing; null may be the value of a field.
NOTHING = object()


def text_of(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def same(one, other):
    return canonical(one) == canonical(other)


def seconds(duration):
    parts = re.fullmatch(
        r"(-?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", duration)
    sign, *numbers = parts.groups()
    total = sum(float(n or 0) * unit for n, unit in zip(numbers, (604800, 86400, 3600, 60, 1)))
    return -total if sign else total


def rank(value, order):
    """What values are compared by, of whatever kind; null is told apart before."""
    if isinstance(value, str):
        names = order["declared"] if isinstance(order, dict) else []
        worth = names.index(value) if value in names else -1
        if order == "duration":
            worth = seconds(value)
        return 2, worth, value.encode()
    if isinstance(value, (int, float)):
        return (0 if isinstance(value, bool) else 1), value
    return (4 if isinstance(value, dict) else 3), canonical(value)


class Document:
    """One edit of a document, member by member; `done` of its `total` ends stand.

    A path is the list of its keys. The part of its text is its cut, that of the text with `{}`
    behind the keys its mark. `ordered` has members of elements that go by their order.
    """

    def __init__(self, parts, stamp, ordered=None):
        self.parts, self.stamp, self.ordered = parts, stamp, ordered or {}
        self.done = self.total = 0

    def of(self, *path):
        return self.parts.get(text_of(path), NO_STAMP)

    def write(self, path, node, patch, floor):
        """Gives what stands at the path; `floor` is the latest cut above, or none."""
        floor = max(self.of(*path), floor)
        if len(path) == 2 and path[1] in self.ordered:
            return self.rise(path, node, patch, floor)
        if self.stamp < floor:
            self.total += ends(patch)
            return node
        if isinstance(patch, dict):
            return self.into(path, node, patch.items(), floor)
        self.total += 1
        left = self.cut(path, node)
        if left is not NOTHING:
            return left
        self.done += 1
        return patch if patch is not None or not path else NOTHING

    def into(self, path, node, members, floor):
        self.parts[text_of([*path, {}])] = max(self.of(*path, {}), self.stamp)
        node = dict(node) if isinstance(node, dict) else {}
        for name, member in members:
            left = self.write([*path, name], node.get(name, NOTHING), member, floor)
            if left is NOTHING:
                node.pop(name, None)
            else:
                node[name] = left
        self.total, self.done = self.total + (not members), self.done + (not members)
        return node

    def rise(self, path, node, value, floor):
        """A member that goes by its order: the greatest stands of what was written since it was
        last taken away. Each write is a part of its own, so each cut takes those before it."""
        self.total += 1
        inside = text_of(path)[:-1] + ",["
        writes = [(json.loads(n)[-1][0], at) for n, at in self.parts.items() if n.startswith(inside)]
        if node is not NOTHING and not any(same(node, value) for value, _ in writes):
            writes.append((node, floor))
        if self.stamp >= floor:
            if value is None:
                self.parts[text_of(path)] = self.stamp
                writes = [(v, at) for v, at in writes if at > self.stamp]
            else:
                writes.append((value, self.stamp))
        for name in [n for n in self.parts if n.startswith(inside)]:
            del self.parts[name]
        for written, at in writes:
            name = text_of([*path, [written]])
            self.parts[name] = max(at, self.parts.get(name, at))
        stands = self.greatest(path[1], [written for written, _ in writes])
        if self.stamp >= floor:
            self.done += stands is NOTHING if value is None else (
                stands is not NOTHING and same(stands, value))
        return stands

    def greatest(self, name, values):
        rule = self.ordered[name]
        pick = max if rule["rising"] else min
        return pick(values, key=lambda v: rank(v, rule.get("order"))) if values else NOTHING

    def cut(self, path, node):
        """Ends what is at the path and below, and gives the object that stays."""
        left = self.later(path, node)
        inside = text_of(path)[:-1] + ("," if path else "")
        for name in [n for n, at in self.parts.items()
                     if n.startswith(inside) and at <= self.stamp]:
            del self.parts[name]
        self.parts[text_of(path)] = self.stamp
        return left

    def later(self, path, node):
        if len(path) == 2 and path[1] in self.ordered:
            inside = text_of(path)[:-1] + ",["
            return self.greatest(path[1], [
                json.loads(n)[-1][0] for n, at in self.parts.items()
                if n.startswith(inside) and at > self.stamp])
        if not isinstance(node, dict):
            return node if node is not NOTHING and self.of(*path) > self.stamp else NOTHING
        members = {name: self.later([*path, name], member) for name, member in node.items()}
        members = {name: member for name, member in members.items() if member is not NOTHING}
        return members if members or self.of(*path, {}) > self.stamp else NOTHING

    def outcome(self):
        return ("applied" if self.done == self.total else "merged" if self.done else "ignored")


def ends(patch):
    """How many values an edit has, empty objects among them."""
    return sum(map(ends, patch.values())) if isinstance(patch, dict) and patch else 1


def beyond(value, before, order, rising):
    return value is not None and (
        before is None or (rank(value, order) > rank(before, order)) == rising
        and not same(value, before))


def merge_deep(field, edit):
    document = Document(field["parts"], edit["stamp"])
    value = document.write([], field["value"], edit["set"], NO_STAMP)
    return document.outcome(), value


def merge_elements(rule, field, edit):
    """A list of objects that are told by an id: a document whose members they are."""
    known = rule["elements"]["id"]
    of = lambda e: e.get(known) if isinstance(e, dict) else None
    adds, removes = edit.get("set", edit.get("add")), edit.get("remove", [])
    removed = [i for i in (of(e) if isinstance(e, dict) else e for e in removes) if is_id(i)]
    if adds is not None and not all(is_id(of(e)) for e in adds):
        return "rejected(type)", field["value"]
    document = Document(field["parts"], edit["stamp"], rule["elements"].get("ordered"))
    node = elements_of(field["value"], of)
    if adds is None:
        if edit["stamp"] < document.of():
            return "ignored", field["value"]
        left = document.write([], node, None, NO_STAMP)
        return document.outcome(), None if left is None else list(left.values())
    floor = document.of()
    if edit["stamp"] < floor:
        return "ignored", field["value"]
    members = [(id_text(of(e)), e) for e in adds] + [(id_text(i), None) for i in removed]
    node = document.into([], node, members, floor)
    nameless = [e for e in field["value"] or [] if not is_id(of(e))]
    return document.outcome(), nameless + list(node.values())


def elements_of(value, of):
    return None if value is None else {id_text(of(e)): e for e in value if is_id(of(e))}


def is_id(value):
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def id_text(value):
    return value if isinstance(value, str) else text_of(value)


def merge(rule, field, edit):
    """Merges an edit into `field` (value, stamp, parts, origin) and gives the outcome.

    An edit has `stamp`, one of `set`, `increment`, `add` with `remove`, and perhaps `base`.
    """
    strategy, before = rule["strategy"], field["value"]
    # What a creation wrote is older than every edit, whatever their stamps say.
    standing = NO_STAMP if field["stamp"] == field["origin"] else field["stamp"]
    comparing = strategy in COMPARING
    if comparing and not made_on(field, edit):
        if "set" in edit and same(edit["set"], before):
            return "applied"
        late = edit.get("receivedAt", 0) - (time_of(edit["stamp"]) >> 16)
        if strategy != "CLIENT_WINS" or late > rule.get("staleAfter", late):
            return {"SERVER_WINS": "ignored", "REJECT": "rejected(conflict)"}.get(
                strategy, "conflict")
    if "increment" in edit:
        outcome, value = added(rule, before, edit["increment"])
    elif "elements" in rule and strategy in ("SET_UNION", "MERGE_DEEP"):
        outcome, value = merge_elements(rule, field, edit)
    elif strategy in ("SET_UNION", "APPEND"):
        outcome, value = (union if strategy == "SET_UNION" else append)(field, edit)
    elif "set" not in edit:
        removed = set(map(text_of, edit["remove"]))
        kept = [e for e in before or [] if text_of(e) not in removed]
        held = set(map(text_of, kept))
        outcome, value = "applied", kept + [e for e in edit["add"] if text_of(e) not in held]
    elif strategy in ("LAST_WRITE_WINS", "LATEST_VALID"):
        late = edit["stamp"] < standing and edit.get("storedIsValid", True)
        if late or not edit.get("newIsValid", True):
            return "ignored"
        field["value"], field["stamp"] = edit["set"], edit["stamp"]
        return "applied"
    elif strategy in ("MAX", "MIN"):
        value = edit["set"]
        wins = beyond(value, before, rule.get("order"), strategy == "MAX")
        outcome, value = ("applied", value) if wins else ("ignored", before)
    elif strategy == "MERGE_DEEP":
        outcome, value = merge_deep(field, edit)
    else:
        outcome, value = "applied", edit["set"]
    if not same(value, before):
        later = max(standing, edit["stamp"])
        if comparing and edit["stamp"] <= field["stamp"]:
            later = f"{time_of(field['stamp']) + 1:016x}{edit['stamp'][16:]}"
        field["value"], field["stamp"] = value, later
    return outcome


def made_on(field, edit):
    return ("base" not in edit or edit["base"] == field["stamp"]
            or edit["stamp"][17:] == field["stamp"][17:])


def added(rule, value, increment):
    if isinstance(increment, bool) or not isinstance(increment, (int, float)):
        return "rejected(type)", value
    total, kind = (value or 0) + increment, rule.get("numbers", "int64")
    bits = {"int32": 31, "int64": 63}.get(kind)
    least, most = rule.get("least"), rule.get("most")
    if (bits and (total != int(total) or not -2 ** bits <= total < 2 ** bits)
            or least is not None and total < least or most is not None and total > most):
        return "rejected(range)", value
    return "applied", total


def union(field, edit):
    parts, stamp, value = field["parts"], edit["stamp"], field["value"]
    elements = {text_of(element): element for element in value or []}
    of = lambda key: parts.get(key, NO_STAMP)
    if "set" in edit and edit["set"] is None:
        parts[""] = max(parts.get("", NO_STAMP), stamp)
        elements = {key: e for key, e in elements.items() if of(key) > stamp}
        whole = not elements and parts.get("{", NO_STAMP) <= parts[""]
        outcome = "applied" if whole else "merged"
    else:
        adds, removes, done = edit.get("set", edit.get("add")), edit.get("remove", []), 0
        if stamp > parts.get("{", NO_STAMP):
            parts["{"] = stamp
        for element in adds:
            key = text_of(element)
            if stamp >= of(key) and stamp > parts.get("", NO_STAMP):
                parts[key], elements[key], done = stamp, element, done + 1
        for element in removes:
            key = text_of(element)
            if stamp >= of(key):
                parts[key], done = stamp, done + 1
                elements.pop(key, None)
        total = len(adds) + len(removes)
        outcome = "applied" if done == total else "merged" if done else "ignored"
    if not elements and parts.get("", NO_STAMP) >= parts.get("{", NO_STAMP) and "" in parts:
        return outcome, None
    return outcome, list(elements.values())


def append(field, edit):
    key = lambda e: text_of(e["id"]) if isinstance(e, dict) and "id" in e else text_of(e)
    value, parts = list(field["value"] or []), field["parts"]
    adds, outcome = edit.get("set", edit.get("add")), "applied"
    if adds is None:
        return "ignored", field["value"]
    for element in edit.get("remove", []):
        parts[key(element)] = edit["stamp"]
        value = [e for e in value if key(e) != key(element)]
    for element in adds:
        if key(element) in parts:
            outcome = "merged"
        elif key(element) not in map(key, value):
            value.append(element)
    return outcome, value
