"""Test cases that share one server."""

import os
import unittest

from client import Client, anonymous
from server import APPS, Folder, Server


class ServedCase(unittest.TestCase):
    """A server for all tests of the class: of `app`, a folder in apps, or of `schema`, a text."""

    app = None
    schema = None
    files = {}
    environment = None
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = None
        path = os.path.join(APPS, cls.app) if cls.app and not os.path.isabs(cls.app) else cls.app
        if cls.schema is not None:
            cls.folder = Folder({"schema.graphql": cls.schema, **cls.files})
            path = cls.folder.path
        cls.server = Server(path, environment=cls.environment, arguments=cls.arguments)
        cls.addClassCleanup(cls.server.kill)
        if cls.folder:
            cls.addClassCleanup(cls.folder.remove)
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    @property
    def nobody(self):
        """A client without an account."""
        return Client(self.server.port)

    def person(self):
        """A client with an anonymous account of its own."""
        return anonymous(self.server.port)

    def expect(self, status, answer, *pointers, code=None):
        """Checks status and, for a problem, exactly the places that it names."""
        self.assertEqual(answer.status, status, answer)
        if pointers:
            self.assertEqual(sorted(answer.pointers), sorted(pointers), answer)
        if code is not None:
            self.assertEqual(answer["type"].rsplit(":", 1)[-1], code, answer)
        return answer

    def refused(self, answer, **issues):
        """Checks a 422 and exactly its issues: `refused(answer, date="past")` is /date, past."""
        self.assertEqual(answer.status, 422, answer)
        self.assertEqual(answer.issues, {"/" + name: code for name, code in issues.items()}, answer)
        return answer
