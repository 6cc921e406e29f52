"""Backups of a server under load: each is restored elsewhere and looked through; none that was
damaged is taken."""

import hashlib
import os
import random
import shutil
import subprocess
import time

from harness.connection import Connection
from harness.server import APP, BINARY, SETTINGS, Server

from .inspection import Store, hexadecimal
from .result import Result
from .writers import Crew

NAME = "backups"
PROMISE = "a backup made under load can be restored, with all that was acknowledged before it " \
          "began; one of which a byte changed is refused"
TEST = "{tries} × a backup under 8 writers, restored into another folder and inspected; then one " \
       "random bit of it is turned over: what was verified before is refused in so many words, and " \
       "a restore of it changes nothing; as the control, a planted lost row must be found"
TRIES = (100, 2)


def run(folder, tries):
    result, chance = Result(), random.Random()
    result.counts.update(backups=0, rows=0, lost=0, damaged=0)
    os.makedirs(folder)
    key, data = os.path.join(folder, "key"), os.path.join(folder, "data")
    command("key", key)
    server = Server(data, settings={"ROOST_BACKUPS_KEY_FILE": key})
    server.start()
    admin = administrator(server, data)
    crew = Crew()
    crew.settle(server)
    for number in range(tries):
        crew.start(server)
        if not crew.wait_for(8):
            result.violate(f"the writers got nowhere: {crew.refusals()[:1]}")
            break
        time.sleep(chance.uniform(0, 0.2))
        promised = [(row.id, row.acknowledged) for writer in crew.writers
                    for row in list(writer.rows) if row.created]
        path = backup(server, admin, result)
        crew.stop()
        if path is None:
            break
        result.add("backups")
        restored(path, key, folder, promised, result)
        damaged(path, key, folder, chance, result)
        os.remove(path)
        if not result.passed:
            break
    for status, body in crew.refusals()[:1]:
        result.violate(f"a write was answered {status}: {body}")
    server.stop()
    return result


def command(*words):
    return subprocess.run([BINARY, "backup", *words], capture_output=True, text=True, timeout=300,
                          env={**os.environ, **SETTINGS}, check=False)


def administrator(server, data):
    """The token of somebody who may ask for backups."""
    done = subprocess.run([BINARY, "admin", APP, "--data", data], capture_output=True, text=True,
                          timeout=60, env={**os.environ, **SETTINGS}, check=True)
    connection = Connection(server.port)
    token = connection.request("POST", "/v1/auth/register", {
        "email": "ada@example.org",
        "password": "an old oak by the river"}).json()["accessToken"]
    claim = {"token": done.stdout.strip().rsplit("#", 1)[1]}
    answer = connection.request("POST", "/v1/admin/claim", claim, token=token)
    connection.close()
    if answer.status != 204:
        raise RuntimeError(f"nobody became an administrator: {answer.status} {answer.body!r}")
    return token


def backup(server, admin, result):
    """Asks for a backup, waits for its end and gives its path."""
    connection = Connection(server.port)
    job = connection.request("POST", "/v1/admin/backups", {}, token=admin).json()["id"]
    for _ in range(1200):
        found = connection.request("GET", f"/v1/admin/jobs/{job}", token=admin).json()
        if found["state"] not in ("waiting", "running"):
            break
        time.sleep(0.05)
    items = connection.request("GET", "/v1/admin/backups", token=admin).json()["items"]
    connection.close()
    if found["state"] != "done" or not items:
        result.violate(f"a backup ended as {found}")
        return None
    return items[0]["path"]


def restored(path, key, folder, promised, result):
    place = os.path.join(folder, "restored")
    done = command("restore", APP, path, "--key", key, "--data", place)
    if done.returncode != 0:
        result.violate(f"a restore failed: {done.stderr}")
        return
    with Store(place, folder) as store:
        if store.query("PRAGMA integrity_check") != [("ok",)]:
            result.violate("a restored database is damaged")
        rows = store.rows()
        lost = missing(rows, promised)
        table = store.collection_table()
        store.query(f'DELETE FROM "{table}" WHERE id = {store.literal(promised[0][0])}')
        if len(missing(store.rows(), promised)) == len(lost) + 1:
            result.add("planted losses found")
        elif not lost:
            result.violate("a lost row was planted and not found, so this test proves nothing here")
    result.add("rows", len(rows))
    for identifier, acknowledged in lost:
        result.add("lost")
        result.violate(f"row {identifier} is {rows.get(hexadecimal(identifier))}, and "
                       f"{acknowledged} was acknowledged")
    shutil.rmtree(place)


def missing(rows, promised):
    """What was promised and is not there, or not as far."""
    return [(identifier, acknowledged) for identifier, acknowledged in promised
            if rows.get(hexadecimal(identifier), (0, -1))[1] < acknowledged]


REFUSED = ("is damaged", "is no backup")


def damaged(path, key, folder, chance, result):
    """The backup is taken as it is, and refused with a bit turned over, also over other data."""
    done = command("verify", APP, path, "--key", key)
    if done.returncode != 0:
        result.violate(f"a whole backup is refused: {done.stdout}{done.stderr}")
    other, place = os.path.join(folder, "damaged.backup"), os.path.join(folder, "beside")
    with open(path, "rb") as file:
        content = bytearray(file.read())
    at, bit = chance.randrange(len(content)), chance.randrange(8)
    content[at] ^= 1 << bit
    with open(other, "wb") as file:
        file.write(content)
    # Over the data of the whole one, which it may not touch.
    command("restore", APP, path, "--key", key, "--data", place)
    before = contents(place)
    for what, options in (("verify", ()), ("restore", ("--data", place, "--replace"))):
        done = command(what, APP, other, "--key", key, *options)
        said = done.stdout + done.stderr
        if done.returncode != 1 or not any(words in said for words in REFUSED):
            result.violate(f"{what} of a backup damaged in bit {bit} of byte {at} ended with "
                           f"{done.returncode}: {said}")
        elif contents(place) != before:
            result.violate(f"{what} of a backup damaged in bit {bit} of byte {at} left "
                           f"{sorted(contents(place))} where {sorted(before)} was")
        else:
            result.add("refused")
    result.add("damaged")
    shutil.rmtree(place)
    os.remove(other)


def contents(folder):
    """Each file of a folder, and the digest of what it holds."""
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = hashlib.sha256(file.read()).hexdigest()
    return found
