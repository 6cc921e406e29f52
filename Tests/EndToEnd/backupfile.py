"""A backup as a file: looked into and made beside the program, as BackupWriter.swift describes it.

"ROOSTBK1", the number of bytes of the head, the head in JSON; then the pieces of a raw deflate
stream, each with its length before it and 16 bytes of a tag or digest behind it. The last piece has
the highest bit of its length set and says how long the copy is, and its digest.
"""

import hashlib
import json
import zlib

MAGIC = b"ROOSTBK1"
LAST = 0x80000000
OVERHEAD = 16
PIECE_BYTES = 1_048_576


def parts(path):
    """The bytes of the head of a backup, and of what follows it."""
    with open(path, "rb") as file:
        whole = file.read()
    assert whole[:8] == MAGIC, whole[:8]
    end = 12 + int.from_bytes(whole[8:12], "big")
    return whole[12:end], whole[end:]


def unpacked(path):
    """The copy that a backup which is not encrypted holds."""
    _, rest = parts(path)
    pieces, is_last, at = [], False, 0
    while not is_last:
        word = int.from_bytes(rest[at:at + 4], "big")
        is_last, length = word & LAST != 0, word & ~LAST
        pieces.append(rest[at + 4:at + 4 + length - OVERHEAD])
        at += 4 + length
    copy = zlib.decompress(b"".join(pieces[:-1]), wbits=-15)
    assert len(copy) == json.loads(pieces[-1])["bytes"], pieces[-1]
    return copy


def packed(like, copy, path):
    """Writes a backup that is whole, is not encrypted and holds `copy`, with the head of `like`."""
    head, _ = parts(like)
    packer = zlib.compressobj(wbits=-15)
    stream = packer.compress(copy) + packer.flush()
    pieces = [stream[at:at + PIECE_BYTES] for at in range(0, len(stream), PIECE_BYTES)]
    pieces.append(json.dumps(
        {"bytes": len(copy), "sha256": hashlib.sha256(copy).hexdigest()}).encode())
    with open(path, "wb") as file:
        file.write(MAGIC + len(head).to_bytes(4, "big") + head)
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            nonce = bytes([is_last, 0, 0, 0]) + number.to_bytes(8, "big")
            digest = hashlib.sha256(hashlib.sha256(head).digest() + nonce + piece).digest()
            length = len(piece) + OVERHEAD | (LAST if is_last else 0)
            file.write(length.to_bytes(4, "big") + piece + digest[:OVERHEAD])
    return path


def dated(path, made_at, target):
    """Writes the backup as one of another time: its pieces no longer fit its head, which is all that
    is read of it until somebody tries it."""
    head, rest = parts(path)
    text = json.dumps({**json.loads(head), "madeAt": made_at}).encode()
    with open(target, "wb") as file:
        file.write(MAGIC + len(text).to_bytes(4, "big") + text + rest)
    return target
