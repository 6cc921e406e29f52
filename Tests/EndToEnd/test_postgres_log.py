"""The order of the log on PostgreSQL, short; `Tests/Soak/run.py --only postgres-order` is long."""

import unittest

from postgres import needs_postgres
from server import Folder

from faults import postgres_order  # noqa: E402
from faults.postgres_order import Book
from harness.server import end_all


@needs_postgres
class OrderTests(unittest.TestCase):
    def test_a_reader_misses_nothing(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        self.addCleanup(end_all)
        result = postgres_order.run(folder.path, 2, durable=False)
        self.assertEqual(result.violations, [], result.summary())
        for count in ("acknowledged", "refused", "connections ended", "entries followed"):
            self.assertGreater(result.counts[count], 0, result.summary())


class BookTests(unittest.TestCase):
    """The reader's own checks find what they are for."""

    LOG = [(0, 1, "a", 1), (0, 2, "b", 1), (1, 1, "c", 1)]
    STREAMS = [(7, 1, "a", 1, 1, 1, 3), (7, 1, "b", 3, 1, 1, 3)]

    def book(self, *reads, streams=(STREAMS,)):
        book = Book()
        for rows in reads or (self.LOG,):
            book.take_log(rows)
        for rows in streams:
            book.take_streams(rows)
        return book

    def test_what_is_in_order_passes(self):
        self.assertEqual(self.book().compare(self.LOG, self.STREAMS), [])
        halves = self.book(self.LOG[:1], self.LOG[1:],
                           streams=(self.STREAMS[:1], self.STREAMS[1:]))
        self.assertEqual(halves.compare(self.LOG, self.STREAMS), [])

    def test_what_is_not_is_found(self):
        late = [(7, 1, "a", 3, 1, 1, 3)], [(7, 1, "b", 2, 1, 1, 3)]
        for name, book, log, rows in (
            ("a hole", self.book([self.LOG[1]]), [self.LOG[1]], self.STREAMS),
            ("a late one", self.book(self.LOG[1:], self.LOG[:1]), self.LOG, self.STREAMS),
            ("one twice", self.book(self.LOG, self.LOG[:1]), self.LOG, self.STREAMS),
            ("one missed", self.book(self.LOG[:1]), self.LOG, self.STREAMS),
            ("one too many", self.book(), self.LOG[:2], self.STREAMS),
            ("another one", self.book(), [(0, 1, "z", 1), *self.LOG[1:]], self.STREAMS),
            ("a late sequence", self.book(streams=late), self.LOG, late[0] + late[1]),
            ("a row missed", self.book(streams=()), self.LOG, self.STREAMS),
            ("beyond its head", self.book(streams=([(7, 1, "a", 4, 1, 1, 3)],)), self.LOG,
             [(7, 1, "a", 4, 1, 1, 3)]),
        ):
            with self.subTest(name):
                self.assertNotEqual(book.compare(log, rows), [])
