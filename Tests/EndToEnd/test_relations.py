"""What a deletion does to what refers to the record, and sub-collections."""

from cases import ServedCase


class RelationTests(ServedCase):
    app = "shelves"

    def setUp(self):
        self.me = self.person()
        self.shelf = self.me.create("shelves", name="a")
        self.box = self.me.create("boxes", shelf=self.shelf["id"], number=1)

    def path(self, collection, record):
        return f"/v1/{collection}/{record['id']}"

    def gone(self, collection, record):
        self.expect(404, self.me.get(self.path(collection, record)))

    def test_restrict_refuses_while_something_refers(self):
        item = self.me.create("items", box=self.box["id"], name="cup")
        self.expect(409, self.me.delete(self.path("boxes", self.box)), code="conflict")
        self.expect(200, self.me.get(self.path("boxes", self.box)))
        self.me.delete(self.path("items", item))
        self.assertIn(self.me.delete(self.path("boxes", self.box)).status, (200, 204))

    def test_cascade_takes_along_what_refers(self):
        second = self.me.create("boxes", shelf=self.shelf["id"], number=2)
        self.assertIn(self.me.delete(self.path("shelves", self.shelf)).status, (200, 204))
        self.gone("shelves", self.shelf)
        self.gone("boxes", self.box)
        self.gone("boxes", second)

    def test_a_cascade_that_meets_a_restriction_does_nothing(self):
        self.me.create("items", box=self.box["id"], name="cup")
        self.expect(409, self.me.delete(self.path("shelves", self.shelf)))
        self.expect(200, self.me.get(self.path("shelves", self.shelf)))
        self.expect(200, self.me.get(self.path("boxes", self.box)))

    def test_set_null_empties_the_reference(self):
        label = self.me.create("labels", box=self.box["id"], text="fragile")
        self.assertIn(self.me.delete(self.path("boxes", self.box)).status, (200, 204))
        answer = self.me.get(self.path("labels", label))
        self.assertIsNone(answer["box"])
        self.assertEqual(answer["version"], 2)

    def test_the_other_side_is_not_written_directly(self):
        self.refused(
            self.me.post("/v1/shelves", {"name": "c", "boxes": [self.box["id"]]}), boxes="server_only")

    def test_a_unique_pair_is_refused_twice_and_free_again_after_deletion(self):
        self.expect(409, self.me.post("/v1/boxes", {"shelf": self.shelf["id"], "number": 1}))
        other = self.me.create("shelves", name="b")
        box = self.me.create("boxes", shelf=other["id"], number=1)
        self.expect(
            409, self.me.patch(self.path("boxes", box), {"shelf": self.shelf["id"]}))
        self.me.delete(self.path("boxes", self.box))
        self.expect(
            200, self.me.patch(self.path("boxes", box), {"shelf": self.shelf["id"]}))

    def test_a_reference_to_a_deleted_record_is_refused(self):
        label = self.me.create("labels", text="a")
        self.me.delete(self.path("boxes", self.box))
        self.refused(
            self.me.patch(self.path("labels", label), {"box": self.box["id"]}), box="reference")


class IntentTests(ServedCase):
    app = "shelves"

    def setUp(self):
        self.me = self.person()
        self.path = f"/v1/tallies/{self.me.create('tallies')['id']}"

    def change(self, **fields):
        return self.expect(200, self.me.patch(self.path, fields))

    def test_increments_add_up(self):
        self.change(count={"$increment": 2})
        self.assertEqual(self.change(count={"$increment": -5})["count"], -3)
        self.assertEqual(self.change(count={"$increment": 0})["version"], 3)

    def test_an_increment_beyond_the_type_is_refused_and_changes_nothing(self):
        self.change(count={"$increment": 2147483647})
        self.refused(self.me.patch(self.path, {"count": {"$increment": 1}}), count="range")
        self.assertEqual(self.me.get(self.path)["count"], 2147483647)

    def test_lists_take_and_give_elements(self):
        self.assertEqual(self.change(tags={"$add": ["a", "b"]})["tags"], ["a", "b"])
        self.assertEqual(self.change(tags={"$add": ["b", "c"]})["tags"], ["a", "b", "c"])
        self.assertEqual(
            self.change(tags={"$add": ["d"], "$remove": ["a", "z"]})["tags"], ["b", "c", "d"])

    def test_intents_that_mean_nothing_are_refused(self):
        for body, pointer in (
            ({"count": {"$increment": "1"}}, "/count/$increment"),
            ({"count": {"$increment": 1.5}}, "/count/$increment"),
            ({"count": {"$increment": 2**63}}, "/count/$increment"),
            ({"count": {"$increment": None}}, "/count/$increment"),
            ({"count": {"$multiply": 2}}, "/count"),
            ({"tags": {"$add": "a"}}, "/tags/$add"),
            ({"tags": {"$add": [1]}}, "/tags/$add/0"),
            ({"tags": {"$push": ["a"]}}, "/tags/$push"),
            ({"note": {"$increment": 1}}, "/note"),
        ):
            with self.subTest(body=body):
                self.expect(422, self.me.patch(self.path, body), pointer)
        self.assertEqual(self.me.get(self.path)["version"], 1)

    def test_max_and_min_keep_the_extreme(self):
        self.change(best=5, least=5)
        answer = self.change(best=3, least=7)
        self.assertEqual((answer["best"], answer["least"]), (5, 5))
        answer = self.change(best=8, least=1)
        self.assertEqual((answer["best"], answer["least"]), (8, 1))

    def test_deep_merge_keeps_the_other_branches(self):
        self.change(settings={"theme": {"dark": True, "size": 2}, "lang": "de"})
        answer = self.change(settings={"theme": {"size": 3}})
        self.assertEqual(answer["settings"], {"theme": {"dark": True, "size": 3}, "lang": "de"})


class PreconditionTests(ServedCase):
    app = "shelves"

    def setUp(self):
        self.me = self.person()

    def tag(self, path):
        return self.me.get(path).headers["etag"]

    def test_an_unchanged_record_is_not_sent_again(self):
        path = f"/v1/shelves/{self.me.create('shelves', name='a')['id']}"
        tag = self.tag(path)
        self.assertRegex(tag, r'^"[^"]+"$')
        for given in (tag, f'"x", {tag}', "*", f"W/{tag}"):
            with self.subTest(given=given):
                answer = self.me.get(path, headers={"If-None-Match": given})
                self.assertEqual((answer.status, answer.body), (304, b""))
                self.assertEqual(answer.headers["etag"], tag)
        self.expect(200, self.me.get(path, headers={"If-None-Match": '"x"'}))
        self.me.patch(path, {"name": "b"})
        answer = self.expect(200, self.me.get(path, headers={"If-None-Match": tag}))
        self.assertNotEqual(answer.headers["etag"], tag)

    def test_a_stale_change_is_refused(self):
        path = f"/v1/shelves/{self.me.create('shelves', name='a')['id']}"
        old = self.tag(path)
        self.expect(200, self.me.patch(path, {"name": "b"}, {"If-Match": old}))
        self.expect(
            412, self.me.patch(path, {"name": "c"}, {"If-Match": old}), code="precondition_failed")
        self.expect(412, self.me.delete(path, {"If-Match": old}))
        self.assertEqual(self.me.get(path)["name"], "b")
        self.expect(200, self.me.patch(path, {"name": "c"}, {"If-Match": "*"}))
        for given in ("x", '"x"', "", '"1', '"99999999999999999999"'):
            with self.subTest(given=given):
                answer = self.me.patch(path, {"name": "d"}, {"If-Match": given})
                self.assertIn(answer.status, (400, 412), answer)
        self.assertIn(self.me.delete(path, {"If-Match": self.tag(path)}).status, (200, 204))

    def test_a_collection_that_rejects_needs_a_precondition(self):
        path = f"/v1/tickets/{self.me.create('tickets', title='a')['id']}"
        self.expect(428, self.me.patch(path, {"title": "b"}), code="precondition_required")
        self.expect(428, self.me.delete(path))
        old = self.tag(path)
        self.expect(200, self.me.patch(path, {"title": "b"}, {"If-Match": old}))
        self.expect(412, self.me.patch(path, {"title": "c"}, {"If-Match": old}))
        self.assertIn(self.me.delete(path, {"If-Match": self.tag(path)}).status, (200, 204))
