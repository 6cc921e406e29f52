"""The master key from a key management service, as AWS KMS speaks it: moto stands for it."""

import json
import os
import subprocess
import time
import unittest
import urllib.request

from client import Client, anonymous
from server import REPOSITORY, Folder, Server, free_port

PYTHON = os.environ.get("ROOST_PYTHON", os.path.join(REPOSITORY, ".build/python/bin/python"))
SCHEMA = """type Diary @collection @allow(ops: [ALL], owner: "owner") {
  owner: User!
  text: String @encrypted(mode: SERVER)
}
"""


def has_moto():
    return os.path.exists(PYTHON) and subprocess.run(
        [PYTHON, "-c", "import moto.server"], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(has_moto(), "needs moto[server], as Scripts/python-packages.sh installs it")
class KeyManagementTests(unittest.TestCase):
    def setUp(self):
        self.port = free_port()
        self.service = subprocess.Popen(
            [PYTHON, "-m", "moto.server", "-p", str(self.port)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.service.wait)
        self.addCleanup(self.service.kill)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/", timeout=5).close()
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret"}

    def make_key(self):
        """A key of the service, made by a request of its own."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/", data=b"{}", headers={
                "X-Amz-Target": "TrentService.CreateKey",
                "Content-Type": "application/x-amz-json-1.1",
                "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/kms/"
                                 "aws4_request, SignedHeaders=host, Signature=0"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["KeyMetadata"]["KeyId"]

    def server(self, key, environment=None):
        self.folder.write("roost.yaml", f"""encryption:
  kms:
    keyId: {key}
    region: eu-central-1
    endpoint: http://127.0.0.1:{self.port}/
""")
        server = Server(self.folder.path, data=self.folder.join("data"),
                        environment={**self.environment, **(environment or {})})
        self.addCleanup(server.kill)
        return server

    def test_a_service_seals_the_master_key_and_another_key_of_it_takes_over(self):
        first, second = self.make_key(), self.make_key()
        server = self.server(first).start()
        ann = anonymous(server.port)
        self.assertEqual(ann.post("/v1/diaries", {"text": "a"}).status, 201)
        server.stop()
        for key in (first, second, second):
            server = self.server(key).start()
            client = Client(server.port, ann.token, ann.session)
            self.assertEqual(client.get("/v1/diaries")["items"][0]["text"], "a")
            self.assertNotIn("test-secret", server.messages())
            server.stop()

    def test_what_is_wrong_with_a_service_is_told(self):
        key = self.make_key()
        for name, environment, says in (
                ("00000000-0000-0000-0000-000000000000", {}, "refused GenerateDataKey"),
                (key, {"AWS_SECRET_ACCESS_KEY": ""}, "AWS_ACCESS_KEY_ID")):
            with self.assertRaises(AssertionError) as caught:
                self.server(name, environment).start()
            self.assertIn(says, str(caught.exception))
        self.service.kill()
        self.service.wait()
        with self.assertRaises(AssertionError) as caught:
            self.server(key).start()
        self.assertIn("cannot be reached", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
