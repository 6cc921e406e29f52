"""What docs/protocol.md says of bytes, hashes and clocks, in plain Python; no state."""

import base64
import hashlib
import json
import re
import struct
import uuid


# A mutation beyond these may fit into no request, and is never queued.
MUTATION_BYTES, MUTATION_OPERATIONS, ARGS_DEPTH = 3_000_000, 1000, 36


class Refused(Exception):
    """A change that no request can bring, with words for a person; nothing was changed."""


def check(ops):
    """Throws `Refused` for operations that would hold up their lane for ever."""
    if len(ops) > MUTATION_OPERATIONS:
        raise Refused(f"Change at most {MUTATION_OPERATIONS} things at once.")
    if any(is_deeper(op.get("args", {}), ARGS_DEPTH) for op in ops):
        raise Refused("This is nested too deep: make it flatter.")
    try:
        size = len(json.dumps(ops, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:
        raise Refused("This holds a number or a text that cannot be sent.") from None
    if size > MUTATION_BYTES:
        raise Refused("This is too large: make several changes of it.")


def is_deeper(value, levels):
    """Whether more than so many arrays and objects are nested in a value."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for outer in layer if isinstance(outer, (list, dict))
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return any(isinstance(inner, (list, dict)) for inner in layer)


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
