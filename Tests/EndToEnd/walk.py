"""Walks through a page: runs its commands, and compares what they print with what it shows."""

import json
import re
import subprocess

BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.M | re.S)
MARK = "@@end of block@@"


def is_shown(shown, found):
    """Whether `found` has everything that `shown` has; … stands for any value."""
    if shown == "\u2026":
        return found is not None
    if isinstance(shown, dict):
        return isinstance(found, dict) and all(
            key in found and is_shown(value, found[key]) for key, value in shown.items())
    if isinstance(shown, list):
        return isinstance(found, list) and len(found) == len(shown) and all(
            map(is_shown, shown, found))
    return type(shown) is type(found) and shown == found


def values(text):
    """The JSON values in a text, one behind the other."""
    decoder, found, index = json.JSONDecoder(), [], 0
    while index < len(text):
        if text[index].isspace():
            index += 1
        else:
            value, index = decoder.raw_decode(text, index)
            found.append(value)
    return found


def walk(case, text, server, minimum, page, environment=None, folder=None):
    """Runs the sh blocks of `text` in one shell; a json block shows what the one before prints.

    A json block may hold several values, one behind the other.
    """
    script, shown = "set -eu\n", []
    for kind, block in BLOCK.findall(text):
        if kind == "sh":
            block = block.replace("http://127.0.0.1:8080", server.address)
            script += block + f"\nprintf '\\n%s\\n' '{MARK}'\n"
            shown.append(None)
        else:
            case.assertIsNone(shown[-1], f"{page}: two json blocks behind one sh block")
            shown[-1] = values(block)
    case.assertGreaterEqual(len([one for one in shown if one is not None]), minimum, page)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, env=environment, cwd=folder)
    outputs = done.stdout.split(MARK + "\n")[:-1]
    case.assertEqual(
        (done.returncode, len(outputs)), (0, len(shown)), f"{page}\n{done.stderr}{done.stdout}")
    for number, (output, expected) in enumerate(zip(outputs, shown), 1):
        if expected is not None:
            with case.subTest(page=page, block=number):
                found = values(output)
                case.assertTrue(is_shown(expected, found), f"{found}\nis not\n{expected}")
