"""What docs/protocol.md says of bytes, hashes, clocks and strategies, in plain Python; no state."""

import base64
import hashlib
import json
import re
import struct
import uuid

COMPARING = ("CLIENT_WINS", "SERVER_WINS", "REJECT", "USER_CHOICE")


def digest16(data):
    return hashlib.sha256(data).digest()[:16].hex()


def canonical(value):
    if value is None or isinstance(value, bool):
        return {None: b"n", True: b"t", False: b"f"}[value]
    if isinstance(value, (int, float)):
        if value == int(value) and -2 ** 63 <= int(value) < 2 ** 63:
            return b"i" + struct.pack(">q", int(value))
        return b"d" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"s" + struct.pack(">I", len(data)) + data
    if isinstance(value, list):
        return b"a" + struct.pack(">I", len(value)) + b"".join(map(canonical, value))
    members = sorted((name.encode(), member) for name, member in value.items())
    return b"o" + struct.pack(">I", len(members)) + b"".join(
        struct.pack(">I", len(name)) + name + canonical(member) for name, member in members)


def genesis(cid, lane):
    return digest16(b"roost:lane:1" + uuid.UUID(cid).bytes + lane.encode())


def hashed(prev, mutation):
    schema = mutation["schema"].encode()
    return (b"roost:mutation:1" + bytes.fromhex(prev) + struct.pack(">Q", mutation["seq"])
            + bytes.fromhex(mutation["nonce"]) + struct.pack(">I", len(schema)) + schema
            + canonical(mutation["ops"]))


# Digests

def digest_bits(rows):
    return next((bits for bits in range(18) if rows >> bits <= 12), 18)


def leaf(coll, row, seq):
    data = uuid.UUID(row).bytes + struct.pack(">Q", seq) + coll.encode()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def range_of(row, bits):
    return uuid.UUID(row).int & ((1 << bits) - 1)


def hash_text(hashes):
    data = b"".join(struct.pack(">Q", value) for value in hashes)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hash_values(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return [value for (value,) in struct.iter_unpack(">Q", data)]


# Stamps

STAMP = re.compile("[0-9a-f]{16}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NO_STAMP = "0" * 16 + "-00000000-0000-0000-0000-000000000000"


def time_of(stamp):
    return int(stamp[:16], 16)


def tick(last, wall):
    return max(max(0, wall) << 16, last + 1)


def measured(offset, sent, received, now):
    """The offset after a welcome, and the shift, or None where it stays."""
    new = now - (sent + received) // 2
    return (new, new - offset) if abs(new - offset) > 1000 else (offset, None)


def restamped(stamps, shift, now, after):
    """`stamps` has pairs of time and `seen`; gives the corrected times."""
    given = []
    for made, seen in stamps:
        moved = min(max(0, (made >> 16) + shift), now) << 16 | made & 0xFFFF
        after = max(moved, max(after, seen) + 1)
        given.append(after)
    return given


# Strategies

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
    """What values are compared by; null is less than everything, also for MIN."""
    if isinstance(order, dict):
        names = order["declared"]
        return names.index(value) if value in names else -1
    if order == "duration":
        return seconds(value)
    return value.encode() if isinstance(value, str) else value


def merge_patch(value, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, member in patch.items():
        if member is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), member)
    return merged


def merge(rule, field, edit):
    """Merges an edit into `field` (value, stamp, parts, origin) and gives the outcome.

    An edit has `stamp`, one of `set`, `increment`, `add` with `remove`, and perhaps `base`.
    """
    strategy, before = rule["strategy"], field["value"]
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
    elif strategy in ("SET_UNION", "APPEND"):
        outcome, value = (union if strategy == "SET_UNION" else append)(field, edit)
    elif "set" not in edit:
        removed = set(map(text_of, edit["remove"]))
        kept = [e for e in before or [] if text_of(e) not in removed]
        held = set(map(text_of, kept))
        outcome, value = "applied", kept + [e for e in edit["add"] if text_of(e) not in held]
    elif strategy in ("LAST_WRITE_WINS", "LATEST_VALID"):
        late = edit["stamp"] < field["stamp"] and edit.get("storedIsValid", True)
        if late or not edit.get("newIsValid", True):
            return "ignored"
        field["value"], field["stamp"] = edit["set"], edit["stamp"]
        return "applied"
    elif strategy in ("MAX", "MIN"):
        value, order = edit["set"], rule.get("order")
        wins = value is not None and (
            before is None or (rank(value, order) > rank(before, order)) == (strategy == "MAX")
            and not same(value, before))
        outcome, value = ("applied", value) if wins else ("ignored", before)
    elif strategy == "MERGE_DEEP":
        # Of what is shown only: the parts that order old edits are the server's.
        outcome, value = "applied", merge_patch(before, edit["set"])
    else:
        outcome, value = "applied", edit["set"]
    if not same(value, before):
        later = max(field["stamp"], edit["stamp"])
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
    of = lambda key: parts.get(key, field["origin"])
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
