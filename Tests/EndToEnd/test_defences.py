"""The list of Tests/Defences/run.py fits the sources: each defence is where it says, each test there."""

import importlib
import importlib.util
import os
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))


class DefenceTests(unittest.TestCase):
    def test_each_defence_is_where_the_list_says(self):
        spec = importlib.util.spec_from_file_location(
            "defences", os.path.join(REPOSITORY, "Tests/Defences/run.py"))
        defences = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(defences)
        listed = defences.DEFENCES
        self.assertGreaterEqual(len(listed), 10)
        for name, file, there, gone, test in listed:
            with self.subTest(name):
                with open(os.path.join(REPOSITORY, file), encoding="utf-8") as source:
                    self.assertEqual(source.read().count(there), 1, file)
                self.assertNotEqual(there, gone)
                module, case, method = test.split(".")
                self.assertTrue(hasattr(getattr(importlib.import_module(module), case), method))


if __name__ == "__main__":
    unittest.main()
