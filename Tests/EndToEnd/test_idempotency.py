"""Writes with an Idempotency-Key: done once, whatever happens to the answer or the server."""

import collections
import threading
import time
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor

from cases import ServedCase
from client import Client, anonymous
from server import APPS, Folder, Server


def keyed(key=None):
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def until_done(send):
    """The answer to a write that is repeated for as long as it is told to wait."""
    for _ in range(2000):
        answer = send()
        if answer.status != 409 or "retry-after" not in answer.headers:
            return answer
        time.sleep(0.005)
    raise AssertionError(f"still being carried out: {answer}")


class IdempotencyTests(ServedCase):
    app = "types"

    def test_a_repeat_gets_the_same_answer(self):
        person, key = self.person(), keyed()
        first = self.expect(201, person.post("/v1/things", {"label": "a"}, key))
        again = self.expect(201, person.post("/v1/things", {"label": "a"}, key))
        self.assertEqual(first.body, again.body)
        for name in ("location", "etag", "content-type"):
            self.assertEqual(first.headers[name], again.headers[name])
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        self.assertNotIn("idempotent-replayed", first.headers)
        self.assertNotEqual(first.headers["x-request-id"], again.headers["x-request-id"])
        self.expect(422, person.post("/v1/things", {"label": "b"}, key), "Idempotency-Key")
        self.expect(422, person.delete(first.headers["location"], key), "Idempotency-Key")
        self.assertEqual(len(person.get("/v1/things")["items"]), 1)

    def test_the_bytes_of_the_body_count(self):
        person, key = self.person(), keyed()
        self.expect(201, person.request("POST", "/v1/things", raw=b'{"label":"a"}', headers=key))
        self.expect(422, person.request("POST", "/v1/things", raw=b'{"label": "a"}', headers=key))

    def test_keys_of_others_mean_nothing(self):
        key = keyed()
        answers = [self.person().post("/v1/things", {"label": "a"}, key) for _ in range(2)]
        self.assertEqual([answer.status for answer in answers], [201, 201])
        self.assertNotEqual(answers[0]["id"], answers[1]["id"])

    def test_a_stored_answer_is_for_its_own_caller(self):
        person, key = self.person(), keyed()
        self.expect(201, person.post("/v1/things", {"label": "a"}, key))
        self.expect(401, self.nobody.post("/v1/things", {"label": "a"}, key))
        self.expect(401, Client(self.server.port, "x").post("/v1/things", {"label": "a"}, key))

    def test_server_only_fields_stay_refused(self):
        person, key = self.person(), keyed()
        for body, place in (({"label": "a", "secret": "s"}, "/secret"),
                            ({"label": "a", "version": 9}, "/version"),
                            ({"label": "a", "roles": ["admin"]}, "/roles")):
            self.expect(422, person.post("/v1/things", body, key), place)
        self.expect(201, person.post("/v1/things", {"label": "a"}, key))

    def test_many_keys_twenty_times_at_once(self):
        person = self.person()
        keys = [f"key-{number}" for number in range(40)]

        def send(key):
            return until_done(
                lambda: person.post("/v1/things", {"label": key}, {"Idempotency-Key": key}))

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(send, [key for key in keys for _ in range(20)]))
        bodies = collections.defaultdict(set)
        for answer in answers:
            self.assertEqual(answer.status, 201, answer)
            bodies[answer["label"]].add(answer.body)
        self.assertEqual({len(kind) for kind in bodies.values()}, {1})
        self.assertEqual(len(bodies), len(keys))
        self.assertEqual(person.get("/v1/things", count="exact")["count"], len(keys))


class RestartTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        self.server = Server(APPS + "/types", data=self.folder.join("data"))
        self.addCleanup(lambda: self.server.kill())
        self.server.start()

    def test_a_repeat_after_a_restart_gets_the_same_answer(self):
        person, key = anonymous(self.server.port), keyed()
        batch = {"atomic": True, "operations": [
            {"method": "POST", "path": "/v1/things", "body": {"label": "b"}}]}
        first = person.post("/v1/things", {"label": "a"}, key)
        whole = person.post("/v1/batch", batch, keyed("batch"))
        self.assertEqual((first.status, whole.status), (201, 200))
        self.server.restart()
        person.port = self.server.port
        self.assertEqual(person.post("/v1/things", {"label": "a"}, key).body, first.body)
        self.assertEqual(person.post("/v1/batch", batch, keyed("batch")).body, whole.body)
        self.assertEqual(len(person.get("/v1/things")["items"]), 2)
        self.server.stop()

    def test_killed_between_write_and_answer(self):
        person = anonymous(self.server.port)
        answered, sent, stop = {}, [], threading.Event()

        def write(worker):
            number = 0
            while not stop.is_set():
                key = f"{worker}-{number}"
                number += 1
                sent.append(key)
                try:
                    answered[key] = self.send(person, key)
                except Exception:  # The server is gone.
                    return

        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        while len(answered) < 60:
            time.sleep(0.01)
        self.server.process.kill()
        stop.set()
        for thread in threads:
            thread.join()
        self.server.kill()
        self.server.start()
        person.port = self.server.port
        for key in sent:
            answer = self.send(person, key)
            self.assertEqual(answer.status, 201 if self.is_single(key) else 200, answer)
            if key in answered:
                self.assertEqual(answer.body, answered[key].body)
                self.assertEqual(answer.headers.get("idempotent-replayed"), "true")
        expected = sum(1 if self.is_single(key) else 3 for key in sent)
        self.assertEqual(person.get("/v1/things", count="exact")["count"], expected)
        self.server.stop()

    @staticmethod
    def is_single(key):
        return int(key.split("-")[0]) % 4 > 1

    def send(self, person, key):
        """A single create, or a batch of three, atomic or not, by the key's worker."""
        if self.is_single(key):
            return person.post("/v1/things", {"label": key}, keyed(key))
        operations = [{"method": "POST", "path": "/v1/things", "body": {"label": f"{key}-{part}"}}
                      for part in range(3)]
        body = {"atomic": key.startswith(("0", "4")), "operations": operations}
        return person.post("/v1/batch", body, keyed(key))


if __name__ == "__main__":
    unittest.main()
