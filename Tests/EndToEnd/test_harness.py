"""The harness itself: each of its checks is shown a fault."""

import json
import os
import stat
import unittest

import server as harness
from client import Answer, check
from server import Folder, Server


def problem(status=404, id="r1", kind="application/problem+json", **changes):
    body = {"type": "urn:roost:problem:not_found", "title": "t", "status": status, "detail": "d",
            "requestId": id, **changes}
    body = {key: value for key, value in body.items() if value is not None}
    return Answer(status, [("X-Request-Id", "r1"), ("Content-Type", kind)], json.dumps(body).encode())


class CheckTests(unittest.TestCase):
    def test_whole_answers_are_taken(self):
        check(problem())
        check(problem(422, errors=[{"pointer": "/a", "code": "type", "message": "m"}]))
        check(Answer(200, [("X-Request-Id", "r1")], b"{}"))
        check(Answer(503, [("X-Request-Id", "r1"), ("Content-Type", "application/problem+json")],
                     problem(503).body))

    def test_each_fault_is_found(self):
        for answer in (
            Answer(200, [], b"{}"), problem(500), problem(kind="application/json"), problem(id="other"),
            problem(detail=None), problem(title=5), problem(status=404, type=None),
            Answer(404, problem().headers.items(), problem(409).body),
            problem(422, errors=[{"pointer": "/a", "code": ""}]),
            problem(422, errors=[{"pointer": "/a", "code": "", "message": "m"}]),
        ):
            with self.subTest(answer=answer):
                self.assertRaises(AssertionError, check, answer)


class ProcessTests(unittest.TestCase):
    """A server that is a script with a fault must not pass for one that works."""

    def fake(self, script):
        folder = Folder({"roost": "#!/bin/bash\n" + script})
        self.addCleanup(folder.remove)
        os.chmod(folder.join("roost"), stat.S_IRWXU)
        previous, harness.BINARY = harness.BINARY, folder.join("roost")
        self.addCleanup(setattr, harness, "BINARY", previous)
        server = Server(folder.path)
        self.addCleanup(server.kill)
        return server

    READY = 'echo "roost: ready on http://127.0.0.1:$4"\n'

    def test_a_clean_one_passes(self):
        self.fake("trap 'exit 0' TERM\n" + self.READY + "while :; do sleep 0.05; done").start().stop()

    def test_what_is_not_exactly_the_ready_line_fails(self):
        for script in ("echo starting\n" + self.READY, "exit 2", "echo roost: ready\n", ":"):
            with self.subTest(script=script):
                self.assertRaises(AssertionError, self.fake(script + "\nexit 0").start)

    def test_an_unclean_end_fails(self):
        for end in ("exit 3", "echo more; exit 0"):
            with self.subTest(end=end):
                server = self.fake(f"trap '{end}' TERM\n" + self.READY + "while :; do sleep 0.05; done")
                self.assertRaises(AssertionError, server.start().stop)
