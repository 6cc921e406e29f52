"""What the rules of a schema say, by another way than the product's: the judge of the matrix.

A world holds rows and answers, for a caller and a request, the status and what is to be seen. It
follows the meaning of the schema as it is written and shares no code with the server.
"""

from expressions import Evaluation, conjuncts, paths


class Caller:
    """`roles` are those that were granted, `client` is how it asks."""

    def __init__(self, name, client, uid=None, anonymous=False, roles=(), claims=()):
        self.name, self.client, self.uid, self.anonymous = name, client, uid, anonymous
        self.granted, self.claims, self.roles = roles, set(claims), set()

    def __repr__(self):
        return self.name


class Row:
    def __init__(self, type_, id_, values, label=""):
        self.type, self.id, self.label = type_, id_, label
        self.values = {name: values.get(name) for name in type_.stored}
        self.deleted = False

    def changed(self, **values):
        row = Row(self.type, self.id, {**self.values, **values}, self.label)
        return row


class Refused(Exception):
    """A status, and for issues the places that the problem must name."""

    def __init__(self, status, *pointers):
        super().__init__(status, pointers)
        self.status, self.pointers = status, sorted(pointers)


class World:
    def __init__(self, schema):
        self.schema = schema
        self.rows = {name: {} for name in schema.types}
        self.remembered = {}

    def changed(self):
        """Forgets what was found out: to be called after each change of a row."""
        self.remembered.clear()

    def once(self, key, find):
        if key not in self.remembered:
            self.remembered[key] = find()
        return self.remembered[key]

    def add(self, row):
        self.rows[row.type.name][row.id] = row
        self.changed()
        return row

    def live(self, type_):
        return self.once(("live", type_.name), lambda: [
            row for row in self.rows[type_.name].values() if not row.deleted])

    def referring(self, type_name, field, id_):
        """The live rows of a type by what a field of theirs names."""
        def index():
            found = {}
            for row in self.live(self.schema.types[type_name]):
                found.setdefault(row.values[field], []).append(row)
            return found
        return self.once(("referring", type_name, field), index).get(id_, [])

    def find(self, type_name, id_):
        row = self.rows[type_name].get(id_)
        return None if row is None or row.deleted else row

    # Reading columns

    def reader(self, caller, row, masked_for=None):
        """How an expression reads; with `masked_for` as a filter of that caller does."""

        def read(steps):
            if steps[0] == "ctx":
                if steps[1] == "uid":
                    return "id", caller.uid
                return "Boolean", caller.anonymous
            here, type_ = row, row.type if row else None
            for index, name in enumerate(steps):
                if name == "id":
                    return "id", here.id if here else None
                field = type_.stored.get(name) if type_ else None
                if field is None:
                    return None
                value = here.values[name] if here else None
                if masked_for and here and name not in (self.members(masked_for, here) or ()):
                    value = None
                target = self.schema.types.get(field.type)
                if index == len(steps) - 1:
                    is_id = target or field.type == "User"
                    return "id" if is_id else field.type, value
                here = self.find(field.type, value) if value else None
                if masked_for and here and self.members(masked_for, here) is None:
                    here = None
                type_ = target
            return None

        return read

    def truth(self, expression, caller, row, masked_for=None):
        read = self.reader(caller, row, masked_for)
        return Evaluation(read, caller.roles, caller.claims).truth(expression)

    def is_about_caller(self, expression):
        """Whether no row is read: every path begins with ctx."""
        return all(steps[0] == "ctx" for steps in paths(expression))

    def caller_says(self, expression, caller):
        """Whether all that is asked of the caller alone is TRUE."""
        return all(self.truth(part, caller, None) is True for part in conjuncts(expression)
                   if self.is_about_caller(part))

    # Rules

    def speaks_to(self, rule, caller):
        if caller.uid is None and (rule.path or rule.to != "PUBLIC"):
            return False
        if rule.to == "ANONYMOUS" and not caller.anonymous:
            return False
        if rule.roles is not None and not caller.roles & set(rule.roles):
            return False
        return rule.when is None or self.caller_says(rule.when, caller)

    def rules(self, operation, caller, type_):
        return self.once(("rules", operation, caller.name, type_.name), lambda: [
            r for r in type_.rules if operation in r.operations and self.speaks_to(r, caller)])

    def denials(self, operation, caller, type_):
        return self.once(("denials", operation, caller.name, type_.name), lambda: [
            d for d in type_.denials
            if operation in d.operations and not caller.roles & set(d.except_roles)
            and self.caller_says(d.when, caller)])

    def enter(self, operation, caller, type_):
        """Refuses a caller for whom no row could ever be allowed."""
        rules = self.rules(operation, caller, type_)
        if operation == "CREATE":
            # The rule of a field adds to what may be set, and creates nothing.
            rules = [rule for rule in rules if not rule.is_of_field]
        never = not rules or any(
            self.is_about_caller(d.when) for d in self.denials(operation, caller, type_))
        if never:
            raise Refused(401 if caller.uid is None else 403)

    def reaches(self, rule, caller, row):
        if rule.path is None:
            return True
        to_many, type_, way = None, row.type, []
        for index, name in enumerate(rule.path):
            way.append(type_)
            if name in type_.inverses:
                to_many = index
                type_ = self.schema.types[type_.inverses[name].type]
            elif index < len(rule.path) - 1:
                type_ = self.schema.types[type_.stored[name].type]

        def go(here, index):
            name = rule.path[index]
            if index == len(rule.path) - 1:
                return here.values[name] == caller.uid
            if name in here.type.inverses:
                inverse = here.type.inverses[name]
                others = self.referring(inverse.type, inverse.inverse, here.id)
                if index == to_many and rule.having:
                    others = [o for o in others if self.truth(rule.having, caller, o) is True]
                return any(go(other, index + 1) for other in others)
            following = self.rows[here.type.stored[name].type].get(here.values[name])
            if following is None or following.deleted and not is_settled(index + 1):
                return False
            return go(following, index + 1)

        def is_settled(index):
            """Whether what is read of a row never changes, so that it counts behind its deletion."""
            return all(name in t.stored and t.stored[name].has("immutable")
                       for name, t in zip(rule.path[1:index + 1], way[1:index + 1]))

        return go(row, 0)

    def holding(self, operation, caller, row):
        return [r for r in self.rules(operation, caller, row.type) if self.reaches(r, caller, row)
                and (r.when is None or self.truth(r.when, caller, row) is True)]

    def accepting(self, operation, caller, row):
        """The rules that take a row as it will be."""
        return [r for r in self.rules(operation, caller, row.type) if self.reaches(r, caller, row)
                and (r.check is None or self.truth(r.check, caller, row) is True)
                and (operation != "CREATE" or r.when is None
                     or self.truth(r.when, caller, row) is True)]

    def is_denied(self, operation, caller, row):
        return any(self.truth(d.when, caller, row) is True
                   for d in self.denials(operation, caller, row.type))

    def members(self, caller, row):
        """The members that a caller sees of a live row; None where it is hidden."""
        return self.once(
            ("members", caller.name, id(row)), lambda: self.find_members(caller, row))

    def find_members(self, caller, row):
        rules = self.holding("READ", caller, row)
        if not rules or self.is_denied("READ", caller, row):
            return None
        return set().union(*(rule.mask for rule in rules))

    # What is answered

    def shown(self, caller, row):
        """The fields of the record that a caller sees, or None."""
        members = self.members(caller, row)
        if members is None:
            return None
        return {name: value for name, value in row.values.items() if name in members}

    def visible(self, caller, type_, id_):
        """A live row that the caller may see; refuses as if there were none."""
        self.enter("READ", caller, type_)
        return self.seen(caller, type_, id_)

    def seen(self, caller, type_, id_):
        row = self.find(type_.name, id_)
        if row is None or self.members(caller, row) is None:
            raise Refused(404)
        return row

    def list(self, caller, type_):
        """The records of a list by their ids."""
        self.enter("READ", caller, type_)
        found = {row.id: self.shown(caller, row) for row in self.live(type_)}
        return {id_: fields for id_, fields in found.items() if fields is not None}

    def related(self, caller, type_, id_, name):
        """The records of a sub-collection by their ids."""
        row = self.visible(caller, type_, id_)
        if name not in self.members(caller, row):
            raise Refused(404)
        inverse = type_.inverses[name]
        others = self.list(caller, self.schema.types[inverse.type])
        return {key: fields for key, fields in others.items()
                if fields.get(inverse.inverse) == id_}

    # Writing

    def create(self, caller, type_, id_, body):
        """The row that a body makes."""
        self.enter("CREATE", caller, type_)
        self.refuse_server_only(type_, body)
        values = {name: field.default for name, field in type_.stored.items()}
        values.update({name: caller.uid for name in self.owners_filled(caller, type_)})
        values.update(body)
        missing = [f"/{f.name}" for f in type_.stored.values()
                   if f.required and values.get(f.name) is None]
        if missing:
            raise Refused(422, *missing)
        row = Row(type_, id_, values)
        references = [name for name in values if values[name] is not None]
        if self.reads_relations("CREATE", caller, type_):
            self.check_references(caller, row, references)
        if self.is_denied("CREATE", caller, row):
            raise Refused(403)
        rules = self.accepting("CREATE", caller, row)
        if all(rule.is_of_field for rule in rules):
            raise Refused(403)
        self.check_mask(rules, body)
        self.check_references(caller, row, references)
        self.check_unique(row)
        return row

    def owners_filled(self, caller, type_):
        if caller.uid is None:
            return set()
        return {r.path[0] for r in self.rules("CREATE", caller, type_)
                if not r.is_of_field and r.path and len(r.path) == 1}

    def reads_relations(self, operation, caller, type_):
        """Whether what the rules say to a caller depends on other rows."""
        rules = self.rules(operation, caller, type_)
        tests = [t for r in rules for t in (r.when, r.check) if t]
        tests += [d.when for d in self.denials(operation, caller, type_)]
        return any(r.path and len(r.path) > 1 for r in rules) or any(
            len(path) > 1 and path[0] != "ctx" for test in tests for path in paths(test))

    def update(self, caller, type_, id_, body, names_version=True):
        """The row as a body changes it, and whether it does."""
        self.enter("UPDATE", caller, type_)
        self.refuse_server_only(type_, body)
        old = self.seen(caller, type_, id_)
        holding = self.holding("UPDATE", caller, old)
        if not holding or self.is_denied("UPDATE", caller, old):
            raise Refused(403)
        self.check_mask(holding, body)
        self.check_precondition(type_, names_version)
        new = old.changed(**{name: merged(type_, name, old.values[name], value)
                             for name, value in body.items()})
        seen = self.members(caller, old)
        changed = [name for name in body
                   if new.values[name] != old.values[name] or name not in seen]
        if not changed:
            return old, False
        fixed = [f"/{name}" for name in changed if type_.stored[name].has("immutable")]
        if fixed:
            raise Refused(422, *fixed)
        if self.reads_relations("UPDATE", caller, type_):
            self.check_references(caller, new, changed)
        allowing = [r for r in self.accepting("UPDATE", caller, new) if r in holding]
        if not allowing:
            raise Refused(403)
        self.check_mask(allowing, body)
        self.check_references(caller, new, changed)
        self.check_unique(new)
        return new, True

    def delete(self, caller, type_, id_, names_version=True):
        """The rows that go, and (row, field) of the references that are emptied."""
        self.enter("DELETE", caller, type_)
        old = self.seen(caller, type_, id_)
        if not self.holding("DELETE", caller, old) or self.is_denied("DELETE", caller, old):
            raise Refused(403)
        self.check_precondition(type_, names_version)
        going, emptied, held = [old], [], []
        for row in going:
            for other in [r for rows in self.rows.values() for r in rows.values() if not r.deleted]:
                for field in other.type.stored.values():
                    if field.type != row.type.name or other.values[field.name] != row.id:
                        continue
                    if field.on_delete == "CASCADE" and other not in going:
                        going.append(other)
                    elif field.on_delete == "SET_NULL":
                        emptied.append((other, field.name))
                    elif field.on_delete == "RESTRICT":
                        held.append(other)
        if any(row not in going for row in held):
            raise Refused(409)
        return going, emptied

    def refuse_server_only(self, type_, body):
        fixed = [f"/{name}" for name in body if type_.stored[name].has("serverOnly")]
        if fixed:
            raise Refused(422, *fixed)

    def check_precondition(self, type_, names_version):
        if type_.merge == "REJECT" and not names_version:
            raise Refused(428)

    def check_mask(self, rules, body):
        outside = [f"/{name}" for name in body if not any(name in r.mask for r in rules)]
        if outside:
            raise Refused(403, *outside)

    def check_references(self, caller, row, names):
        missing = []
        for name in names:
            field = row.type.stored[name]
            target = self.schema.types.get(field.type)
            if target is None or row.values[name] is None:
                continue
            found = self.find(target.name, row.values[name])
            if found is None or field.checks_visibility and self.members(caller, found) is None:
                missing.append(f"/{name}")
        if missing:
            raise Refused(422, *missing)

    def check_unique(self, row):
        for names in row.type.unique:
            key = [row.values[name] for name in names]
            if None in key:
                continue
            if any(other.id != row.id and [other.values[n] for n in names] == key
                   for other in self.live(row.type)):
                raise Refused(409)


def merged(type_, name, old, value):
    """What a value in a PATCH makes of the one that is stored."""
    strategy = type_.stored[name].directives.get("merge", {}).get("strategy", type_.merge)
    if isinstance(value, dict) and "$increment" in value:
        return old + value["$increment"]
    if strategy == "SET_UNION" and value is not None:
        return old + [item for item in value if item not in old]
    if strategy == "MERGE_DEEP" and isinstance(value, dict):
        return {**old, **value}
    return value
