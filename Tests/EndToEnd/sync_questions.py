"""What a device asks beside its pushes: rows whole, and what differs after a long absence."""

import json

from sync_rules import digest_bits, hash_text, hash_values, leaf, range_of

# What a request may have; a little is left of the frames and bytes, for `hello`.
REQUEST_BYTES, REQUEST_FRAMES = 4_000_000, 250
REQUEST_COMPARISONS, FETCHED_ROWS = 4, 1000
# Streams of which no more than this is held are emptied rather than compared.
FEW_ROWS = 24


class Questions:
    """The part of a device that asks; it has the device's store."""

    def asked(self, pushes):
        """As many questions as the request has room for; the others wait for the next one."""
        room = REQUEST_BYTES - sum(len(json.dumps(frame)) for frame in pushes)
        taken, left, rows = [], [], 0
        for question in self.questions:
            size, asks = len(json.dumps(question)), len(question.get("rows", ()))
            # Fetched rows and comparisons do not mix: `too_large` says something else of each.
            if (size > room and taken or len(taken) + len(pushes) >= REQUEST_FRAMES
                    or taken and bool(asks) != bool(rows) or rows + asks > FETCHED_ROWS
                    or not asks and len(taken) == REQUEST_COMPARISONS):
                left.append(question)
            else:
                taken.append(question)
                room, rows = room - size, rows + asks
        return taken, left

    def fetch(self, stream, row):
        last = self.questions[-1] if self.questions else {}
        if last.get("stream") != stream or len(last.get("rows", [])) not in range(1, FETCHED_ROWS):
            last = {"frame": "fetch", "stream": stream, "rows": []}
            self.questions.append(last)
        last["rows"].append(row)

    def too_large(self, questions, answered):
        """Empties streams of which too much differs, and asks again for what had no room."""
        brought = {(f["stream"], e["coll"], e["id"]) for f in answered if f["frame"] == "delta"
                   for e in f["entries"]}
        ends = [f["frame"] for f in answered
                if f["frame"] == "gone" or f.get("code") == "too_large"]
        for question in questions:
            stream, end = question["stream"], None
            if question["frame"] == "leaves":
                end = ends.pop(0) if ends else None
            if end == "error":
                self.cursors[stream] = 0
                self.staged.pop(stream, None)
                self.staging = [staged for staged in self.staging if staged[0] != stream]
                self.replaced.add(stream)
            elif question["frame"] == "leaves" and not end:
                self.questions.append(question)
            for row in question.get("rows", ()):
                if brought and (stream, row["coll"], row["id"]) not in brought:
                    self.fetch(stream, row)

    # Long absence.

    def compare(self, streams):
        """Asks what differs in streams of which more than a few rows are held."""
        for stream in sorted(set(streams) - self.comparing):
            rows = self.leaves(stream)
            if len(rows) <= FEW_ROWS:
                continue
            bits = digest_bits(len(rows))
            hashes = [0] * (1 << bits)
            for row, value in rows:
                hashes[range_of(row, bits)] ^= value
            self.questions.append(
                {"frame": "digest", "stream": stream, "bits": bits, "hashes": hash_text(hashes)})
            self.comparing.add(stream)
            self.replaced.discard(stream)

    def leaves(self, stream):
        return [(row, leaf(coll, row, streams[stream]["seq"]))
                for (coll, row), streams in self.references.items() if stream in streams]

    def ranges(self, frame):
        stream, bits = frame["stream"], frame["bits"]
        lists = {number: [] for number in frame["differ"]}
        for row, value in self.leaves(stream):
            if range_of(row, bits) in lists:
                lists[range_of(row, bits)].append(value)
        self.questions.append({
            "frame": "leaves", "stream": stream, "bits": bits, "head": frame["head"],
            "ranges": {str(number): hash_text(values) for number, values in lists.items()}})

    def gone(self, frame):
        self.gone_leaves[frame["stream"]] = set(hash_values(frame["leaves"]))
