"""`roost simulate`: worlds that hold, worlds with a planted fault, and two devices for a person."""

import os
import re
import signal
import subprocess
import unittest

from server import BINARY, ENGINE, roost

# Beside the 1,000 that the short long test runs, the 1,000 of the release binary in `.ci/run`, and
# the 100,000 of `make soak`.
SEEDS = int(os.environ.get("ROOST_SIMULATED_SEEDS", "60"))

# Of each field: its strategy, the value before, what each of two devices makes of it while it is
# away, and the value afterwards.
MERGED = [
    ("title", "LAST_WRITE_WINS", '"before"', ('"by one"', '"by two"'), '"by two"'),
    ("plan", "CLIENT_WINS", '"rehearse"', ('"load in"', '"sound check"'), '"sound check"'),
    ("stage", "SERVER_WINS", '"left"', ('"right"', '"centre"'), '"right"'),
    ("notes", "MERGE_DEEP", '{"key":"C"}', ('{"tempo":120}', '{"mood":"slow","key":null}'),
     '{"tempo":120,"mood":"slow"}'),
    ("best", "MAX", "10", ("30", "20"), "30"),
    ("least", "MIN", "10", ("3", "5"), "3"),
    ("tags", "SET_UNION", '["loud"]',
     ('{"$add":["new"]}', '{"$add":["live"],"$remove":["loud"]}'), '["new","live"]'),
    ("plays", "COUNTER", "5", ('{"$increment":2}', '{"$increment":3}'), "10"),
    ("trail", "APPEND", '["start"]',
     ('{"$add":["one was here"]}', '{"$add":["two was here"]}'),
     '["start","one was here","two was here"]'),
    ("streak", "LATEST_VALID", "4", ("5", "-1"), "5"),
    ("price", "REJECT", "100", ("120", "90"), "120"),
    ("poster", "USER_CHOICE", '"red"', ('"blue"', '"green"'), '"blue"'),
]


@unittest.skipIf(ENGINE == "postgres", "the worlds have disks in memory")
class SimulateTests(unittest.TestCase):
    def test_everything_holds_in_many_worlds(self):
        done = roost("simulate", "--seeds", str(SEEDS), "--from", "1001", seconds=1200)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr)
        self.assertIn("0 failures", done.stdout)

    def test_the_same_seed_is_the_same_world_in_another_process(self):
        hashes = set()
        for _ in range(2):
            done = roost("simulate", "--seed", "5", seconds=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            hashes.add(re.search(r"hash ([0-9a-f]{16})", done.stdout).group(1))
        self.assertEqual(len(hashes), 1)

    def test_two_devices_are_shown_as_they_merge(self):
        done = roost("simulate", "--devices", "2", "--offline", "30s", seconds=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        told, after = done.stdout.split("The rows afterwards, on each:\n")
        before, away = told.split("Before, on all of them:\n")[1].split("All are offline for 30 s.")
        self.assertEqual(
            [line.split(None, 2) for line in before.splitlines() if line],
            [[field, strategy, value] for field, strategy, value, _, _ in MERGED])
        edits = re.findall(r"^  device ([12]): (\w+) +(.*)$", away.split("They come back")[0], re.M)
        self.assertEqual(
            edits,
            [(str(device + 1), field, made[device])
             for device in (0, 1) for field, _, _, made, _ in MERGED])
        self.assertEqual(
            [line.split("   – ")[0].split(None, 2) for line in after.splitlines()],
            [[field, strategy, value] for field, strategy, _, _, value in MERGED])

    def test_it_can_be_broken_off(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number.name):
                # A command that is started in the background may be told to pass over SIGINT.
                process = subprocess.Popen(
                    [BINARY, "simulate", "--seeds", "1000000", "--workers", "1"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
                try:
                    with self.assertRaises(subprocess.TimeoutExpired):
                        process.wait(1)
                    process.send_signal(number)
                    self.assertEqual(process.wait(60), -number)
                finally:
                    process.kill()
                    process.wait()

    def test_words_that_make_no_sense_are_told(self):
        for words in (["--seeds", "none"], ["--devices", "1"], ["--engine", "oracle"],
                      ["--nodes", "2"], ["--engine", "postgres", "--url", "postgres:", "--nodes", "0"],
                      ["42"], ["--trace", "--seeds", "2"], ["--seed", "1", "--seeds", "2"],
                      ["--bugs", "--seed", "1"], ["--devices", "2", "--seed", "1"],
                      ["--offline", "10s"], ["--url", "postgresql://127.0.0.1:1/none"],
                      ["--engine", "postgres", "--url", "nonsense"]):
            done = roost("simulate", *words)
            self.assertEqual(done.returncode, 2, (words, done.stdout, done.stderr))
            self.assertTrue(done.stderr.startswith("roost simulate: "), done.stderr)

    def test_how_a_time_is_written_is_told(self):
        for time in ("2h", "0s", "s", "1.5s", "1000001"):
            done = roost("simulate", "--devices", "2", "--offline", time)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"--offline {time}: takes seconds, such as 30s or 30, from 1s to "
                          "1000000s", done.stderr)

    def test_a_database_that_cannot_be_reached_is_no_fault_of_a_seed(self):
        done = roost("simulate", "--engine", "postgres", "--url", "postgresql://127.0.0.1:1/none")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("cannot be reached", done.stderr)
        self.assertNotIn("seed", done.stdout)


@unittest.skipUnless(ENGINE == "postgres", "files have one process")
class SeveralServersTests(unittest.TestCase):
    def test_two_servers_end_in_the_same_rows_as_one_with_a_file(self):
        done = roost("simulate", "--engine", "postgres", "--nodes", "2", "--seeds", "4",
                     "--from", "1001", seconds=1200)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr)
        self.assertIn("0 failures", done.stdout)


if __name__ == "__main__":
    unittest.main()
