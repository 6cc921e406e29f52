"""A client that was built for a version of an app's API, and says so."""

from client import MISSING, Client


class Former(Client):
    def __init__(self, port, token=None, session=None, version="1"):
        super().__init__(port, token, session)
        self.version = version

    def request(self, method, path, body=MISSING, headers=None, **more):
        return super().request(
            method, path, body, {"Roost-Version": self.version, **(headers or {})}, **more)
