"""SIGKILL at a random moment while a follower of an app's own counts what is written."""

import ast
import os
import threading

from harness.server import BINARY, REPOSITORY, Server

from .followers import Stage, endure
from .result import Unavailable
from .writers import fresh_id

NAME = "followers-own"
PROMISE = "what a follower of an app's own does takes place exactly once"
TEST = "{tries} × `kill -9` of an embedding server under batches of creates, changes and deletes; " \
       "after every 25 the numbers that its follower keeps of each person are compared with the " \
       "rows; as the control, planted losses and doublings must be found"
TRIES = (400, 4)
PROGRAM = os.path.join(os.path.dirname(BINARY), "ActionServer")
SCHEMA = os.path.join(REPOSITORY, "Tests/EndToEnd/test_actions.py")


def run(folder, tries):
    return endure(own_stage(folder), Counted, tries)


def own_stage(folder, cluster=None):
    """A stage for the server of Tests/ActionServer, with the schema that it is tested with."""
    if not os.access(PROGRAM, os.X_OK):
        raise Unavailable(
            f"{PROGRAM} is not there; build it with swift build --configuration release "
            "--static-swift-stdlib --product ActionServer")
    app = os.path.join(folder, "app")
    os.makedirs(app)
    with open(SCHEMA) as file:
        schema = next(ast.literal_eval(node.value) for node in ast.parse(file.read()).body
                      if isinstance(node, ast.Assign) and node.targets[0].id == "SCHEMA")
    with open(os.path.join(app, "schema.graphql"), "w") as file:
        file.write(schema)
    return Stage(os.path.join(folder, "data"), app, cluster, OwnServer)


class OwnServer(Server):
    """The program with handlers of its own, which has the commands of `roost`."""

    def start(self, timeout=60):
        # It takes the place of the shell, and of the program that it is given.
        self.wrapper = ["sh", "-c", 'shift; exec "$0" "$@"', PROGRAM]
        try:
            return super().start(timeout)
        finally:
            self.wrapper = []


class Counted:
    """Notes that may be there: a follower counts those that each person has made."""

    def __init__(self, _):
        self.notes, self.batches, self.lock = [], 0, threading.Lock()

    def begin(self, _server, _result):
        # Nobody changes what another has made.
        self.notes = []

    def operations(self, chance):
        operations = []
        for _ in range(chance.randint(1, 20)):
            with self.lock:
                known = chance.choice(self.notes) if self.notes else None
            kind = chance.random()
            if known is None or kind < 0.6:
                note = fresh_id(chance)
                operations.append({"method": "POST", "path": "/v1/notes",
                                   "body": {"id": note, "text": "a"}})
                with self.lock:
                    self.notes.append(note)
            elif kind < 0.8:
                operations.append({"method": "PATCH", "path": f"/v1/notes/{known}",
                                   "body": {"text": f"{chance.random()}"}})
            else:
                operations.append({"method": "DELETE", "path": f"/v1/notes/{known}"})
        return operations

    @staticmethod
    def plants():
        less, more = (f"UPDATE counts SET notes = notes {sign} 1 WHERE id = "
                      "(SELECT id FROM counts LIMIT 1)" for sign in "-+")
        yield "a note that was not counted", less, more
        yield "a note that was counted twice", more, less

    def compare(self, stage, result):
        """A deleted row is still there, and counts as one that was made."""
        wrong = stage.query(WRONG)[0][0]
        result.add("people with a wrong number", wrong)
        if wrong:
            result.violate(f"{wrong} people with a wrong number after "
                           f"{result.counts['kills']} kills")
        people, notes = stage.query("SELECT count(DISTINCT owner), count(*) FROM notes")[0]
        result.counts["people"], result.counts["notes"] = people, notes
        if not people:
            result.violate("nothing was written")


WRONG = """
    SELECT count(*) FROM (
      SELECT owner, count(*) AS made FROM notes GROUP BY owner) m
    FULL OUTER JOIN counts c ON c.owner = m.owner
    WHERE m.owner IS NULL OR c.owner IS NULL OR m.made <> c.notes
      OR c.owner IN (SELECT owner FROM counts GROUP BY owner HAVING count(*) > 1)"""
