#!/usr/bin/env python3
"""Takes one defence after the other out of a copy of the sources, and checks that a test notices.

    Tests/Defences/run.py [--only NAME] [--list]

For each: a copy of the checkout with one line changed, a debug build of the program, and the test
that must fail. First all those tests must pass on the copy as it is. Takes some minutes for each
defence. Exits 1 where a defence is missed by its test, or is not where it was.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COPY = os.path.join(REPOSITORY, ".build/defences")

# Name, file, what stands there, what stands there without the defence, and the test that fails.
DEFENCES = [
    ("signature of tokens", "Sources/Cryptography/JWT/JWTCodec.swift",
     "guard ConstantTime.equal(code, signature) else",
     "guard ConstantTime.equal(code, signature) || !signature.isEmpty else",
     "test_attacks.AttackTests.test_08_confused_tokens"),
    ("reuse of refresh tokens", "Sources/Accounts/Store/SessionStore.swift",
     "    try await revoke([old.sessionID], now: lifetimes.now, in: transaction)\n    return .reused",
     "    return .reused", "test_attacks.AttackTests.test_07_a_stolen_refresh_token"),
    ("bound on sign-ins", "Sources/Accounts/RateLimits/RateLimiter.swift",
     "guard due - now <= tolerance else {", "guard due - now <= tolerance || due > 0 else {",
     "test_attacks.LimitTests.test_05_credential_stuffing"),
    ("inner addresses", "Sources/HTTPClient/Requests/OutgoingClient.swift",
     "guard let kind = allowed.refusal(of: address) else { continue }",
     'guard let kind = allowed.refusal(of: address), kind == "" else { continue }',
     "test_attacks.SecretTests.test_14_requests_to_inner_addresses"),
    ("policy of pages", "Sources/REST/Description/PagePolicy.swift",
     """"frame-ancestors 'none'",""", "",
     "test_attacks.AttackTests.test_15_pages_run_nothing_from_elsewhere"),
    ("size of a sync request", "Sources/SyncProtocol/Frames/FrameLimits.swift",
     "package var bytes = 4_194_304", "package var bytes = 64_194_304",
     "test_attacks.AttackTests.test_16_exhaustion_by_a_single_request"),
    ("nodes of a filter", "Sources/Rules/Language/ExpressionParser.swift",
     "ExpressionLimits(characters: 2000, nodes: 50, depth: 10)",
     "ExpressionLimits(characters: 2000, nodes: 5000, depth: 1000)",
     "test_attacks.AttackTests.test_04_injection_through_the_filter_language"),
    ("private data folder", "Sources/SQLiteDriver/Opening/DataFolder.swift",
     "if mkdir(partial, 0o700) != 0", "if mkdir(partial, 0o755) != 0",
     "test_attacks.SecretTests.test_21_secrets_in_files_arguments_and_logs"),
    ("chains of devices", "Sources/SyncProtocol/Identity/LaneState.swift",
     "return chain == mutation.chain ? .skip : .forked\n    }\n"
     "    guard mutation.seq == position.last + 1 else { return .gap }\n"
     "    guard mutation.prev == position.chain else { return .forked }",
     "return chain == mutation.chain ? .skip : .skip\n    }\n"
     "    guard mutation.seq == position.last + 1 else { return .gap }",
     "test_sync_copies.CopyTests.test_a_phone_restored_from_a_backup_goes_on"),
    ("operations that are known", "Sources/SyncProtocol/Identity/LaneState.swift",
     "return isKnown ? .duplicate : .apply", "return .apply",
     "test_sync_copies.CopyTests.test_a_copy_of_a_device_forks_and_nothing_is_lost_or_doubled"),
    # A constant in the place of collection, field and row.
    ("place of encrypted values", "Sources/Records/Sealing/FieldSealing.swift",
     "return place + id.bytes", "return Array(place.prefix(12))",
     "test_attacks.EncryptedTests.test_20_erasure_and_encrypted_fields"),
    ("keys that are destroyed", "Sources/Records/Sealing/DataKeyTable.swift",
     "SET wrapped = '-', state = 2", "SET wrapped = wrapped, state = 2",
     "test_attacks.EncryptedTests.test_20_erasure_and_encrypted_fields"),
    ("backups that anybody can write", "Sources/RoostServer/Backup/BackupReader.swift",
     "guard key == nil else {", "guard key == nil || head.keyID == nil else {",
     "test_backup.CommandTests.test_what_cannot_be_restored_is_refused_and_changes_nothing"),
    ("sessions after a restore", "Sources/RoostServer/Backup/BackupRestore.swift",
     "if signsOut {", "if signsOut, isKnown == nil {",
     "test_backup.CommandTests.test_a_backup_is_made_listed_tried_and_restored"),
    ("epoch after a restore", "Sources/RoostServer/Backup/BackupRestore.swift",
     "try await SyncEpochs.renew(epoch, on: database, ambient: ambient)", "_ = epoch",
     "test_backup.HealingTests.test_devices_bring_back_what_a_restored_server_lost"),
]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=[defence[0] for defence in DEFENCES])
    parser.add_argument("--list", action="store_true", help="only name them")
    return parser.parse_args()


def build():
    done = subprocess.run(["swift", "build", "--product", "roost"], cwd=COPY, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])


def passes(*tests):
    binary = os.path.join(COPY, ".build/debug/roost")
    done = subprocess.run([sys.executable, "-m", "unittest", *tests],
                          cwd=os.path.join(COPY, "Tests/EndToEnd"), capture_output=True, text=True,
                          env={**os.environ, "ROOST_BINARY": binary}, timeout=900, check=False)
    if "Ran 0 tests" in done.stderr or "ImportError" in done.stderr:
        raise RuntimeError(done.stderr[-3000:])
    return done.returncode == 0


def copy():
    """A copy of what git knows, with what a former run has built."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True,
                           check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        source, target = os.path.join(REPOSITORY, name), os.path.join(COPY, name)
        if not os.path.isfile(source):
            continue
        if os.path.exists(target) and open(source, "rb").read() == open(target, "rb").read():
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)


def without(defence):
    """Whether the test notices that the defence is gone."""
    name, file, there, gone, test = defence
    path = os.path.join(COPY, file)
    with open(path, encoding="utf-8") as source:
        text = source.read()
    if text.count(there) != 1:
        raise RuntimeError(f"{name}: {file} has {text.count(there)} times: {there}")
    try:
        with open(path, "w", encoding="utf-8") as source:
            source.write(text.replace(there, gone))
        build()
        return not passes(test)
    finally:
        with open(path, "w", encoding="utf-8") as source:
            source.write(text)


def main():
    chosen = options()
    defences = [d for d in DEFENCES if chosen.only in (None, d[0])]
    if chosen.list:
        for name, file, _, _, test in defences:
            print(f"{name}: {file}, {test}")
        return 0
    copy()
    build()
    if not passes(*sorted({defence[4] for defence in defences})):
        print("defences: a test fails with every defence in its place")
        return 1
    missed = 0
    for defence in defences:
        began = time.monotonic()
        try:
            noticed = without(defence)
            told = "noticed" if noticed else "MISSED"
        except RuntimeError as error:
            noticed, told = False, f"NOT TRIED ({str(error)[-300:]})"
        missed += not noticed
        print(f"defences: {defence[0]}: {told} by {defence[4]} "
              f"({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{len(defences) - missed} of {len(defences)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
