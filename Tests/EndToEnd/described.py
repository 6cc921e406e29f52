#!/usr/bin/env python3
"""Holds a server to its own /openapi.json: the document, its examples, and answers to made-up requests.

Usage: described.py ADDRESS [--cases 200] [--seed 7]
Needs schemathesis and openapi-spec-validator (Scripts/python-packages.sh). A seed makes the same
requests again, as far as ids of the server's allow. Exits 1 where the server does not keep what it says.
"""

import argparse
import collections
import json
import random
import sys
import urllib.request
import uuid

import hypothesis
import jsonschema
import schemathesis
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance, response_headers_conformance, response_schema_conformance,
    status_code_conformance)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance,
          response_headers_conformance, response_schema_conformance]
FRAMES = ("application/jsonl", "application/x-ndjson")
FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER


@schemathesis.serializer(*FRAMES)
def lines(_, text):
    """Frames are written as they are."""
    return text.encode() if isinstance(text, str) else json.dumps(text).encode()


@schemathesis.deserializer(*FRAMES)
def text_of(_, response):
    return response.content.decode()


def post(address, path, body=None):
    request = urllib.request.Request(
        address + path, method="POST", data=json.dumps(body or {}).encode(),
        headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


# The document

def examples(document):
    """Every example in the document, with its place and the schema that it has to meet."""
    def walk(value, place):
        if isinstance(value, list):
            for index, element in enumerate(value):
                yield from walk(element, f"{place}/{index}")
            return
        if not isinstance(value, dict):
            return
        if "schema" in value and "example" in value:
            yield place, value["example"], value["schema"]
        is_schema = "type" in value or "anyOf" in value or "$ref" in value
        if is_schema and isinstance(value.get("examples"), list):
            rest = {key: one for key, one in value.items() if key != "examples"}
            for example in value["examples"]:
                yield place, example, rest
        for key, member in value.items():
            if key not in ("example", "examples", "default"):
                yield from walk(member, f"{place}/{key.replace('/', '~1')}")
    yield from walk(document, "#")


def check_document(document):
    validate(document)
    faults, count = [], 0
    for place, example, schema in examples(document):
        count += 1
        whole = {**schema, "components": document["components"]}
        validator = jsonschema.Draft202012Validator(whole, format_checker=FORMATS)
        for error in validator.iter_errors(example):
            faults.append(f"{place}: {error.message[:300]}")
    print(f"described: {count} examples in the document")
    return faults if count else ["the document has no examples"]


# The server

class People:
    """An account for everything, and passing ones for what ends its session."""

    def __init__(self, address, seed):
        self.address, self.random = address, random.Random(seed)
        self.session = post(address, "/v1/auth/anonymous")
        self.ids = collections.defaultdict(list)

    def headers(self, case):
        ends = case.path.startswith("/v1/auth/") and case.path != "/v1/auth/me"
        if self.random.random() < 0.05:
            return {}
        session = post(self.address, "/v1/auth/anonymous") if ends else self.session
        return {"Authorization": "Bearer " + session["accessToken"]}

    def prepare(self, case):
        """Most requests should get further than the first check."""
        headers = case.headers or {}
        if headers.get("Roost-Version") and self.random.random() < 0.9:
            headers.pop("Roost-Version")
        name = case.path.split("/")[2]
        if "id" in (case.path_parameters or {}) and self.ids[name] and self.random.random() < 0.8:
            case.path_parameters["id"] = self.random.choice(self.ids[name])
            if "If-Match" in headers and self.random.random() < 0.5:
                headers["If-Match"] = "*"
        if isinstance(case.body, dict) and name not in ("auth", "batch"):
            self.refer(case)
        if case.path == "/v1/sync" and self.random.random() < 0.5:
            case.body = json.dumps({
                "frame": "hello", "cid": str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
                "schema": "1.0.0", "wall": self.random.randrange(2 ** 41)})

    def refer(self, case):
        """Puts ids of records that are there into references, and drops most ids of new ones."""
        if self.random.random() < 0.7:
            case.body.pop("id", None)
        for member, target in self.references.get(case.path.split("/")[2], {}).items():
            if case.body.get(member) and self.random.random() < 0.8:
                known = [self.session["user"]["id"]] if target is None else self.ids[target]
                if known:
                    case.body[member] = self.random.choice(known)

    def learn(self, case, response):
        if response.status_code == 201 and not case.path.startswith("/v1/auth"):
            self.ids[case.path.split("/")[2]].append(response.json()["id"])

    def read(self, document):
        """Which members of which collections refer to which (None: to accounts)."""
        schemas = document["components"]["schemas"]
        routes = {}
        for path, item in document["paths"].items():
            body = item.get("post", {}).get("requestBody", {}).get("content", {})
            reference = body.get("application/json", {}).get("schema", {}).get("$ref", "")
            if reference.endswith(".create"):
                routes[reference.split("/")[-1].removesuffix(".create")] = path.split("/")[2]
        self.references = {}
        for name, route in routes.items():
            self.references[route] = {}
            for member, schema in schemas[name + ".create"]["properties"].items():
                kind = schema.get("x-roost-type", "").rstrip("!")
                if kind == "User":
                    self.references[route][member] = None
                elif kind in routes:
                    self.references[route][member] = routes[kind]


def check_server(address, document, cases, seed):
    people = People(address, seed)
    people.read(document)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=address)
    operations = [result.ok() for result in schema.get_all_operations()]
    # Creates come first, so that the others meet records.
    operations.sort(key=lambda one: (one.method.lower() != "post", "auth" in one.path))
    share = -(-cases // len(operations))
    faults, statuses, done = [], collections.Counter(), 0

    def one(case):
        nonlocal done
        people.prepare(case)
        response = case.call(headers=people.headers(case))
        done += 1
        statuses[response.status_code] += 1
        people.learn(case, response)
        try:
            case.validate_response(response, checks=CHECKS)
        except BaseException as failure:  # groups of failures are no Exception
            if isinstance(failure, KeyboardInterrupt):
                raise
            faults.append(f"{case.method} {case.formatted_path}: {failure}"[:3000])

    for number, operation in enumerate(operations):
        for mode, part in ((GenerationMode.POSITIVE, share - share // 3),
                           (GenerationMode.NEGATIVE, share // 3)):
            if part == 0:
                continue
            try:
                strategy = operation.as_strategy(generation_mode=mode)
                run = hypothesis.given(case=strategy)(one)
                run = hypothesis.settings(
                    max_examples=part, deadline=None, database=None,
                    phases=[hypothesis.Phase.generate],
                    suppress_health_check=list(hypothesis.HealthCheck))(run)
                hypothesis.seed(seed * 1000 + number)(run)()
            except hypothesis.errors.Unsatisfiable:
                continue  # nothing can be wrong in a request that takes nothing
            if len(faults) > 50:
                return faults
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(f"described: seed {seed}, {done} requests of {len(operations)} operations ({counts})")
    if not any(200 <= status < 300 for status in statuses):
        faults.append("no request went well")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("address")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with urllib.request.urlopen(options.address + "/openapi.json", timeout=60) as answer:
        document = json.load(answer)
    faults = check_document(document)
    faults += check_server(options.address, document, options.cases, options.seed)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
