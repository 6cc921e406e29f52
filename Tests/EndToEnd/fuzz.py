#!/usr/bin/env python3
"""Sends random requests to a server and expects no fault of its own: no 5xx, no crash, no hang.

Usage: fuzz.py [--seconds 60] [--seed N]
A seed makes the same choices again (ids are what the server made); a failure prints its seed, its number and the request.
"""

import argparse
import http.client
import json
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

from client import Client, anonymous, check  # noqa: E402
from server import APPS, Server  # noqa: E402

WORDS = ["", "a", "label", "owner", "whole", "\u0000", "\ud7ff", "\U0010ffff", "$increment", "$add",
         "__proto__", "%", "'", "\"", "\\", "(", ")", "==", "&&", "||", "!", "in", "null", "true",
         "-", ".", "..", "/", "~", "*", ";", "--", " ", "\t", "\n", "x" * 3000, "2024-01-01",
         "2024-01-01T00:00:00Z", "PT1H", "01970000-0000-7000-8000-000000000001"]
NUMBERS = [0, -0.0, 1, -1, 2**31 - 1, 2**31, -2**31 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -2**63,
           1e300, -1e300, 1e-300, 0.1, 10**40]
PATHS = ["/v1/things", "/v1/things/{id}", "/v1/things/{id}/friend", "/v1/board", "/v1/hiddens",
         "/v1/auth/me", "/v1/auth/login", "/v1/auth/register", "/v1/auth/refresh",
         "/v1/auth/upgrade", "/v1/auth/anonymous", "/metrics", "/health/live", "/v1/{word}", "/{word}"]
FIELDS = ["label", "flag", "whole", "big", "real", "day", "moment", "span", "price", "mail", "link",
          "data", "place", "picture", "colour", "code", "words", "numbers", "fixed", "secret", "serial",
          "friend", "level", "nick", "id", "version", "email", "password", "refreshToken"]
HEADERS = ["If-Match", "If-None-Match", "X-Request-Id", "Idempotency-Key", "Accept", "Content-Type",
           "Authorization", "Prefer", "Range"]


class Fuzzer:
    def __init__(self, seed, port, person):
        self.random = random.Random(seed)
        self.port, self.person, self.ids = port, person, ["x"]

    def value(self, depth=0):
        kind = self.random.randrange(8 if depth < 4 else 6)
        if kind < 2:
            return self.random.choice(WORDS)
        if kind == 2:
            return self.random.choice(NUMBERS)
        if kind == 3:
            return self.random.choice([None, True, False])
        if kind == 4:
            return self.random.choice(self.ids)
        if kind == 5:
            return "".join(self.random.choices(WORDS[:35], k=self.random.randrange(4)))
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        keys = FIELDS + WORDS[:35]
        return {self.random.choice(keys): self.value(depth + 1) for _ in range(self.random.randrange(5))}

    def body(self):
        value = self.value()
        if self.random.random() < 0.7:
            value = {self.random.choice(FIELDS): self.value(1) for _ in range(self.random.randrange(6))}
            if self.random.random() < 0.6:
                value["label"] = "a"
        data = bytearray(json.dumps(value).encode("utf-8", "surrogatepass"))
        while data and self.random.random() < 0.15:
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        return bytes(data)

    def text(self):
        parts = self.random.choices(WORDS[:38] + FIELDS, k=self.random.randrange(1, 6))
        text = self.random.choice(["", " "]).join(parts)
        return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))

    def request(self):
        path = self.random.choice(PATHS).replace("{id}", self.random.choice(self.ids))
        path = path.replace("{word}", self.text())
        method = self.random.choice(["GET", "GET", "POST", "POST", "PATCH", "DELETE", "HEAD", "PUT"])
        # Most requests should get further than the router.
        if self.random.random() < 0.7:
            method, path = self.random.choice([
                ("POST", "/v1/things"), ("POST", "/v1/things"), ("PATCH", "/v1/things/{id}"),
                ("PATCH", "/v1/things/{id}"), ("GET", "/v1/things"), ("GET", "/v1/things/{id}"),
                ("DELETE", "/v1/things/{id}"), ("POST", "/v1/board")])
            path = path.replace("{id}", self.random.choice(self.ids))
        if self.random.random() < 0.2:
            names = ["filter", "sort", "limit", "after", "fields", "expand", "count", "search", self.text()]
            path += "?" + "&".join(
                f"{self.random.choice(names)}={self.text()}" for _ in range(self.random.randrange(1, 4)))
        headers = {}
        if self.random.random() < 0.9:
            headers["Authorization"] = f"Bearer {self.person.token}"
        if method in ("POST", "PATCH", "PUT"):
            headers["Content-Type"] = "application/json"
        for _ in range(self.random.randrange(2)):
            value = self.random.choice(["*", '"1"', '"x"', "x", "a, b", "W/\"1\"", "text/html", "0-5"])
            headers[self.random.choice(HEADERS)] = value
        return method, path, self.body() if method in ("POST", "PATCH", "PUT") else None, headers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    server = Server(os.path.join(APPS, "types")).start()
    fuzzer = Fuzzer(options.seed, server.port, anonymous(server.port))
    statuses, number, deadline = {}, 0, time.monotonic() + options.seconds
    try:
        while time.monotonic() < deadline:
            number += 1
            method, path, body, headers = fuzzer.request()
            try:
                answer = send(server.port, method, path, body, headers)
            except Exception as error:
                print(f"seed {options.seed}, request {number}: {method} {path} {headers} {body!r}")
                print(f"{type(error).__name__}: {error}\n{server.messages()[-4000:]}")
                return 1
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            if answer.status == 201 and path.startswith("/v1/things"):
                fuzzer.ids = fuzzer.ids[-20:] + [answer["id"]]
            if answer.status in (200, 204) and path.startswith("/v1/auth/logout"):
                fuzzer.person = anonymous(server.port)
    finally:
        code = 0
        try:
            server.stop()
        except AssertionError as error:
            print(f"seed {options.seed}: {error}")
            code = 1
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(f"fuzz: seed {options.seed}, {number} requests, none a fault of the server ({counts})")
    return code


def send(port, method, path, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        from client import Answer
        return check(Answer(response.status, response.getheaders(), response.read()), method)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
