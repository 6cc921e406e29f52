"""The recipes of docs/guides/rules.md: each schema is served, and its requests are answered so."""

import os
import re
import unittest

from server import BINARY, ENVIRONMENT, REPOSITORY, Folder, Server
from walk import walk

GUIDE = "docs/guides/rules.md"
SCHEMA = re.compile(r"^```graphql\n(.*?)^```$", re.M | re.S)


def recipes():
    """The helpers of the guide, and its recipes by title."""
    with open(os.path.join(REPOSITORY, GUIDE), encoding="utf-8") as file:
        text = file.read()
    # Up to the next chapter.
    chapter = re.split(r"^## ", text.split("\n## Recipes\n", 1)[1], flags=re.M)[0]
    helpers, *sections = re.split(r"^### ", chapter, flags=re.M)
    return helpers, dict(section.split("\n", 1) for section in sections)


class RecipeTests(unittest.TestCase):
    def serve(self, title):
        helpers, sections = recipes()
        section = sections[title]
        schemas = SCHEMA.findall(section)
        self.assertEqual(len(schemas), 1, f"{title}: one schema")
        folder = Folder({"recipe/schema.graphql": schemas[0]})
        self.addCleanup(folder.remove)
        server = Server(folder.join("recipe"), data=folder.join("recipe/.roost"))
        self.addCleanup(server.kill)
        server.start()
        # The binary may be called otherwise.
        os.mkdir(folder.join("bin"))
        os.symlink(BINARY, folder.join("bin/roost"))
        path = folder.join("bin") + os.pathsep + os.environ["PATH"]
        walk(
            self, helpers + section, server, 1, f"{GUIDE}, {title}",
            environment={**os.environ, **ENVIRONMENT, "PATH": path}, folder=folder.path)
        server.stop()

    def test_each_recipe_has_a_test(self):
        _, sections = recipes()
        tested = {title for title, _ in TITLES}
        self.assertEqual(set(sections), tested)


TITLES = [
    ("Owner", "owner"),
    ("Team", "team"),
    ("Roles that inherit", "roles"),
    ("Public, with masked fields", "masks"),
    ("Soft locks", "locks"),
    ("Private profile", "profile"),
    ("A field with rules of its own", "field"),
    ("Claims", "claims"),
    ("Draft, submitted, approved", "workflow"),
    ("Read-only archive", "archive"),
]

for title, name in TITLES:
    setattr(RecipeTests, f"test_recipe_{name}", lambda self, title=title: self.serve(title))
