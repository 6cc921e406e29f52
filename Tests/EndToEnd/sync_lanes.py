"""The lanes of a device: what it changed, what the server has of it, and what goes first."""

from sync_rules import digest16, genesis, hashed

TIERS = ("LIVE", "HOURLY", "DAILY", "ON_DEMAND")


class Lane:
    """The queue of one tier: the log after the floor, and how much of it the server has."""

    def __init__(self, cid, name):
        self.name = name
        self.floor = (0, genesis(cid, name))
        self.log = []
        self.acknowledged = 0
        self.committed = 0

    @property
    def last(self):
        return self.floor[0] + len(self.log)

    def chain_at(self, seq):
        """The chain at a place, or None where this log does not know it."""
        if seq == self.floor[0]:
            return self.floor[1]
        if self.floor[0] < seq <= self.last:
            return self.log[seq - self.floor[0] - 1]["chain"]
        return None

    def after(self, seq):
        return self.log[max(0, seq - self.floor[0]):]

    def append(self, mutation):
        prev, seq = self.chain_at(self.last), self.last + 1
        mutation = {**mutation, "seq": seq, "prev": prev}
        mutation["chain"] = digest16(hashed(prev, mutation))
        mutation.setdefault("oid", mutation["chain"])
        self.log.append(mutation)
        return mutation

    def learn(self, last, chain, durable=None, shown=None):
        """Takes what the server says of the lane; False where the device must fork.

        `shown` is how far the last commit has it: what comes behind that is folded, and stays.
        """
        if chain is None or self.chain_at(last) != chain:
            return False
        self.acknowledged = last
        if durable and self.chain_at(durable["last"]) == durable["chain"]:
            place = min(durable["last"], last, last if shown is None else shown)
            if place > self.floor[0]:
                rest = self.after(place)
                self.floor, self.log = (place, self.chain_at(place)), rest
        return True

    def forked(self, cid):
        lane = Lane(cid, self.name)
        for mutation in self.log:
            lane.append(mutation)
        # What the last commit showed stays shown once, until the next one says it anew.
        lane.committed = max(0, self.committed - self.floor[0])
        return lane


def queue(lanes):
    """The most urgent lane first, but nothing before the creation of what it names."""
    waiting = {name: lanes[name].after(lanes[name].acknowledged)
               for name in sorted(lanes, key=TIERS.index)}
    made = {op["id"]: (name, place) for name, muts in waiting.items()
            for place, mutation in enumerate(muts) for op in mutation["ops"]
            if op["kind"] == "create"}
    done, order = dict.fromkeys(waiting, 0), []

    def bring(name, last):
        while done[name] <= last:
            here, mutation = done[name], waiting[name][done[name]]
            needed = [made.pop(text) for text in texts(mutation["ops"]) if text in made]
            for other, place in needed:
                if other != name:
                    bring(other, place)
            if done[name] == here:
                order.append((name, mutation))
                done[name] += 1

    for name, muts in waiting.items():
        bring(name, len(muts) - 1)
    return order


def texts(value):
    """The texts in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from texts(member)
