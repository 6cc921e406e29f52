"""What a server that was put back could not take in for want of rows that others may bring."""

TRIES = 8


class Healing:
    """A part of `Device`: what was refused waits for its rows, and is brought once more."""

    def begin_history(self):
        """The server has another history than before: all that was made until now is older."""
        self.tries = {mutation["oid"]: 0 for lane in self.lanes.values() for mutation in lane.log}
        self.tries |= dict.fromkeys(self.waiting, 0)

    def heard(self, lane, mutation, result):
        """Notes a result, but not what was refused before it was brought once more."""
        oid = mutation["oid"]
        wanting = result["result"] == "rejected" and (
            result["code"] == "row_gone"
            or any(error["code"] == "reference" for error in result.get("errors", [])))
        if result["result"] == "rejected" and any(
                later["oid"] == oid for later in lane.after(mutation["seq"])):
            return
        self.results[oid] = result
        if wanting and self.tries.get(oid, TRIES) < TRIES:
            self.waiting[oid] = (lane.name, mutation)
            self.refused_now.add(oid)
        else:
            self.tries.pop(oid, None)
            self.waiting.pop(oid, None)

    def bring_again(self, rows):
        """Brings once more what names one of these rows, in the order in which it was made.

        An old refusal may be told again: what was refused just now looks for all that is held.
        """
        held = {row for _, row in self.references}
        found = [(lane, mutation) for lane, mutation in self.waiting.values()
                 if any(text in rows or mutation["oid"] in self.refused_now and text in held
                        for op in mutation["ops"] for text in named(op))]
        self.refused_now = set()
        for lane, mutation in sorted(found, key=lambda each: (each[1]["hlc"], each[1]["seq"])):
            del self.waiting[mutation["oid"]]
            self.tries[mutation["oid"]] += 1
            kept = ("nonce", "oid", "hlc", "schema", "ops", "seen")
            self.lane(lane).append({name: mutation[name] for name in kept})


def named(op):
    """The ids of the rows that an operation is about, and what it may have as references."""
    values = [value for value in op.get("args", {}).values() if isinstance(value, str)]
    return values if op["kind"] == "create" else [*values, op["id"]] if "id" in op else values
