"""Request smuggling and malformed requests: every row of corpus/requests.tsv, on a raw socket."""

import os
import re
import socket
import unittest

from cases import ServedCase
from client import Raw, check
from server import HERE

PROBE = b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Request-Id: probe\r\n\r\n"
ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|([rnt\\])|\{(\\x[0-9a-f]{2}|\\.|.)\*(\d+)\})")
NAMES = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


def decoded(text):
    """The bytes of a row."""
    out, place = b"", 0
    for found in ESCAPE.finditer(text):
        out += text[place:found.start()].encode("ascii")
        place = found.end()
        code, name, repeated, times = found.groups()
        if code:
            out += bytes([int(code, 16)])
        elif name:
            out += NAMES[name]
        else:
            out += decoded(repeated) * int(times)
    return out + text[place:].encode("ascii")


def corpus():
    """Section, name, bytes and what is expected, of each row."""
    with open(os.path.join(HERE, "corpus/requests.tsv"), encoding="ascii") as file:
        for line in file:
            if not line.startswith("#"):
                section, name, data, expected = line.rstrip("\n").split("\t")
                yield section, name, decoded(data), expected.split(" ")


class RequestSmugglingTests(ServedCase):
    app = "types"

    def outcome(self, data, expected):
        """The statuses of all answers, and whether the connection stays open and in step."""
        seen = []
        with Raw(self.server.port, seconds=20) as raw:
            try:
                raw.send(data)
                for word in expected[:-1]:
                    method = "HEAD" if word.startswith("HEAD:") else "GET"
                    answer = raw.answer(method)
                    if answer.status != 100:
                        check(answer, method)
                    seen.append(("HEAD:" if method == "HEAD" else "") + str(answer.status))
                if expected[-1] == "open":
                    # What was sent is used up: the next answer is that of the next request.
                    answer = raw.send(PROBE).answer()
                    in_step = answer.headers.get("x-request-id") == "probe"
                    seen.append("open" if in_step else f"{answer.status} out of step")
                else:
                    seen.append("close" if raw.is_closed() else f"open {raw.received[:60]!r}")
            except (ConnectionError, socket.timeout) as error:
                seen.append(type(error).__name__)
        return seen

    def test_every_request_of_the_corpus_gets_the_answer_of_its_row(self):
        wrong, count = [], 0
        for section, name, data, expected in corpus():
            count += 1
            seen = self.outcome(data, expected)
            if seen != expected:
                wrong.append(f"{section} {name}: {' '.join(expected)} expected, {' '.join(seen)}")
        self.assertEqual(wrong, [], "\n".join(["", *wrong]))
        self.assertGreater(count, 600)

    def test_in_single_bytes_the_answers_are_the_same(self):
        wrong = []
        for number, (section, name, data, expected) in enumerate(corpus()):
            # Behind a refusal a client would meet a closed socket in the middle.
            if number % 7 or len(data) > 300 or expected[-1] != "open":
                continue
            with Raw(self.server.port, seconds=20) as raw:
                for byte in data:
                    raw.send(bytes([byte]))
                answers = []
                for word in expected[:-1]:
                    method = "HEAD" if word.startswith("HEAD:") else "GET"
                    answers.append(str(raw.answer(method).status))
                if answers != [word.removeprefix("HEAD:") for word in expected[:-1]]:
                    wrong.append(f"{section} {name}: {answers}")
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
