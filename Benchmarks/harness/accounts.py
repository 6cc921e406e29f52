"""People who use the measured server: registered once, their tokens kept fresh."""

import time

PASSWORD = "a long sentence that nobody guesses"
FRESH_SECONDS = 240  # an access token lives ten minutes


class Account:
    """One person: the id, the access token, and when it was issued."""

    def __init__(self, email):
        self.email = email
        self.id = self.token = self.refresh_token = None
        self.since = 0

    def take(self, session):
        self.id = session["user"]["id"]
        self.token, self.refresh_token = session["accessToken"], session["refreshToken"]
        self.since = time.monotonic()


class Accounts:
    """A group of accounts of one data folder."""

    def __init__(self, count):
        self.all = [Account(f"player{number}@example.org") for number in range(count)]

    def __iter__(self):
        return iter(self.all)

    def __getitem__(self, index):
        return self.all[index % len(self.all)]

    def register(self, connection):
        """Makes the accounts on a server that does not know them."""
        for account in self.all:
            self._session(connection, account, "register", 201)

    def login(self, connection):
        """Signs the accounts in on a server that knows them."""
        for account in self.all:
            self._session(connection, account, "login", 200)

    def freshen(self, connection):
        """Exchanges the tokens that are older than four minutes; says whether any changed."""
        old = [each for each in self.all if time.monotonic() - each.since > FRESH_SECONDS]
        for account in old:
            answer = connection.request(
                "POST", "/v1/auth/refresh", {"refreshToken": account.refresh_token})
            if answer.status == 200:
                account.take(answer.json())
            else:
                self._session(connection, account, "login", 200)
        return bool(old)

    @staticmethod
    def _session(connection, account, route, expected):
        body = {"email": account.email, "password": PASSWORD}
        answer = connection.request("POST", f"/v1/auth/{route}", body)
        if answer.status != expected:
            raise RuntimeError(f"{route} answered {answer.status}: {answer.body[:300]!r}")
        account.take(answer.json())
