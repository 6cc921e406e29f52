package import Queries
package import RoostCore
package import Rules
package import Schema

/// A schema that asks for more than an addition to what the database holds.
package struct SchemaChangeError: Error, Sendable, CustomStringConvertible {
  /// Each refused change with what to do.
  package let reasons: [String]

  package var description: String {
    "The schema asks for more than a start does; roost migrate plan shows the steps:\n"
      + reasons.map { "  - \($0)" }.joined(separator: "\n")
  }
}

/// Makes the tables of a schema at start, and extends them by what is new; everything else that
/// changed is refused with what to do.
package struct TableKeeper: Sendable {
  let book: RuleBook
  /// When rows that get a new field's default are changed.
  let now: Timestamp
  /// The numbers that new tables get, by the name of the collection, where they are given.
  let assigned: [String: Int64]

  /// The migration whose part this is; nil at a start, which makes additions alone.
  let run: Int64?
  /// Where catalogues are that were made before; nil for a process with one app.
  let compiled: CompiledSchemas?
  /// The schema that was served last where it is another one, to which a start holds this one.
  private let before: @Sendable (any Reader) async throws -> SchemaModel?

  /// The keys of sealed values, for the catalogue.
  private let keys: DataKeys?

  package init(
    book: RuleBook, now: Timestamp, assigned: [String: Int64] = [:], run: Int64? = nil,
    keys: DataKeys? = nil, compiled: CompiledSchemas? = nil,
    before: @escaping @Sendable (any Reader) async throws -> SchemaModel? = { _ in nil }
  ) {
    self.keys = keys
    self.before = before
    // What is compiled for many does not hold the keys of one.
    self.compiled = keys == nil ? compiled : nil
    self.book = book
    self.now = now
    self.assigned = assigned
    self.run = run
  }

  /// So many rows get the default of a new field as a change within the start; more of them do in
  /// pieces behind it, while the server answers.
  static let rowsAtStart = 1000

  /// Brings the tables, and what is derived from their rows, in step with the schema.
  ///
  /// Throws `SchemaChangeError` where the schema asks for more than an addition.
  package func run(in transaction: any Transaction) async throws -> Catalogue {
    var keeper = Work(
      transaction: transaction, now: now, assigned: assigned, migration: self.run, keys: keys,
      compiled: compiled)
    return try await keeper.run(book, before: before)
  }

  /// Makes the table of a collection with `columns` for its fields.
  static func create(_ table: String, _ columns: [SQL], _ dialect: Dialect) -> SQL {
    let first: [SQL] = [
      "id \(dialect.id) NOT NULL \(dialect.primaryKey(of: table))",
      "version \(dialect.integer) NOT NULL",
      "\(identifier: "createdAt") \(dialect.integer) NOT NULL",
      "\(identifier: "updatedAt") \(dialect.integer) NOT NULL",
      "\(identifier: "deletedAt") \(dialect.integer)",
    ]
    let last: SQL = "\(identifier: RecordColumns.clocks) \(dialect.blob) NOT NULL"
    // Not in the order of ids: a row that an index names is found by its number, in a tree of which
    // a page holds hundreds of branches, where one of whole rows holds some fourteen (decision 36).
    return """
      CREATE TABLE \(identifier: table) (\((first + columns + [last]).joined(by: ", ")))\
      \(dialect.numbered)
      """
  }

  private struct Work {
    let transaction: any Transaction
    let now: Timestamp
    let assigned: [String: Int64]
    let keys: DataKeys?
    let compiled: CompiledSchemas?
    /// The migration on record, made at a start when there is more to do than it takes itself.
    private var migration: Int64?
    private var numbers = StoredNumbers()
    /// What was there when the work began.
    private var stored = StoredParts()
    private var refused: [String] = []
    /// The collections whose tables were there before.
    private var extended: Set<String> = []
    /// The new fields of each of those that have a default.
    private var defaulted: [String: [Field]] = [:]

    init(
      transaction: any Transaction, now: Timestamp, assigned: [String: Int64], migration: Int64?,
      keys: DataKeys?, compiled: CompiledSchemas?
    ) {
      self.keys = keys
      self.compiled = compiled
      self.transaction = transaction
      self.now = now
      self.assigned = assigned
      self.migration = migration
    }

    private var dialect: Dialect { transaction.dialect }

    mutating func run(
      _ book: RuleBook, before: @Sendable (any Reader) async throws -> SchemaModel?
    ) async throws -> Catalogue {
      let model = book.model
      if let lock = dialect.lockOfTables { try await transaction.query(lock) { _ in false } }
      var isNarrowed = false
      if migration == nil {
        isNarrowed = try await refuseMigrations(book, before: try await before(transaction))
        guard refused.isEmpty else { throw SchemaChangeError(reasons: refused) }
      }
      try await loadCollections()
      stored = try await StoredParts.read(in: transaction)
      for name in numbers.collections.keys.sorted() where model.collection(named: name) == nil {
        refused.append("the collection \(name) is in the database but not in the schema")
      }
      for collection in model.collections {
        if numbers.collections[collection.name] == nil {
          try await create(collection)
        } else {
          try await extend(collection)
        }
      }
      guard refused.isEmpty else { throw SchemaChangeError(reasons: refused) }
      var changed: [String: FieldSet] = [:]
      for collection in model.collections where try await backfill(collection, model) {
        let fields = Set((defaulted[collection.name] ?? []).map(\.name))
        changed[collection.name] = FieldSet(
          collection.fields.indices.filter { fields.contains(collection.fields[$0].name) })
      }
      // What a migration made ahead is not in this schema, and is waited for.
      let open = try await MigrationRun.converting(in: transaction)
      for index in model.collections.indices {
        try await keepIndexes(index, book, isAhead: migration == nil && open != nil)
      }
      guard refused.isEmpty else { throw SchemaChangeError(reasons: refused) }
      let catalogue = try await self.catalogue(book)
      try await StreamAtoms.noteFormer(in: transaction)
      var isRescoped = false
      for collection in catalogue.collections {
        if try await keepStreams(collection, of: catalogue, changed: changed) { isRescoped = true }
        try await SearchKeeper(
          collection: collection, mayHoldRecords: extended.contains(collection.name),
          stored: stored.searchSignatures[collection.number]
        ).run(in: transaction)
      }
      guard isRescoped || isNarrowed, dialect.hasOtherWriters else { return catalogue }
      // Servers that know the rules of before would go on putting rows where those say, or values
      // that the bounds of now refuse. Who writes reads the generation under the locks of the log.
      let lock: SQL = "SELECT position FROM roost_log_head ORDER BY partition\(dialect.forUpdate)"
      try await transaction.query(lock) { _ in true }
      try await transaction.execute("UPDATE roost_generation SET generation = generation + 1")
      return try await self.catalogue(book)
    }

    /// What is compiled of the schema, in the generation that holds.
    private func catalogue(_ book: RuleBook) async throws -> Catalogue {
      let generation = try await transaction.first("SELECT generation FROM roost_generation") {
        $0.int64(0)
      }
      return compiled?.catalogue(book, numbers, dialect, generation ?? 0)
        ?? Catalogue(
          book: book, numbers: numbers, dialect: dialect, generation: generation ?? 0, keys: keys)
    }

    /// Whether rows of the collection were given the default of a new field.
    private mutating func backfill(
      _ collection: Collection, _ model: SchemaModel
    ) async throws -> Bool {
      guard let fields = defaulted[collection.name] else { return false }
      if try await hasManyRows(collection.name) {
        try await fillLater(collection, fields, model)
        return false
      }
      return try await Backfill(
        collection: collection, number: numbers.collection(collection.name), fields: fields,
        now: now
      ).run(in: transaction) > 0
    }

    /// Whether a collection has more live rows than a start changes by itself.
    private func hasManyRows(_ table: String) async throws -> Bool {
      let many = try await transaction.first(
        """
        SELECT count(*) FROM (SELECT 1 FROM \(identifier: table) \
        WHERE \(identifier: "deletedAt") IS NULL LIMIT \(TableKeeper.rowsAtStart + 1)) AS some_rows
        """
      ) { $0.int64(0) > Int64(TableKeeper.rowsAtStart) }
      return many ?? false
    }

    /// Leaves the rows of a collection to `MigrationRunner`: their columns hold the default already.
    private mutating func fillLater(
      _ collection: Collection, _ fields: [Field], _ model: SchemaModel
    ) async throws {
      let run: Int64
      if let migration {
        run = migration
      } else {
        run = try await MigrationRun.make(
          .start, .filling, schema: model.source, [], now: now, in: transaction)
        try await transaction.execute(
          "UPDATE roost_migration_run SET switched_at = \(now) WHERE number = \(run)")
        migration = run
      }
      let count = try await transaction.first(
        "SELECT count(*) FROM roost_migration_task WHERE run = \(run)"
      ) { $0.int64(0) }
      try await MigrationTask.make(
        .fill, of: run, (count ?? 0) + 1, collection: numbers.collection(collection.name),
        argument: .array(fields.map { .string($0.name) }), in: transaction)
    }

    /// Notes what is no addition, or has rows in its way; returns whether bounds are narrower.
    private mutating func refuseMigrations(
      _ book: RuleBook, before: SchemaModel?
    ) async throws -> Bool {
      let stored = try await StoredSchema.read(in: transaction)
      var planner = MigrationPlanner(
        stored: stored, model: book.model, former: FormerNames(of: book.model), before: before)
      planner.run()
      for fault in planner.faults {
        let place = fault.location.map { "\($0): " } ?? ""
        refused.append(place + fault.message)
      }
      var steps = planner.steps
      if let before {
        steps += try await RetentionSteps(
          stored: stored, model: book.model, before: before, now: now
        ).find(
          match: { stored.collection(ofType: $0.typeName) },
          column: { name, _, old in
            RecordColumns.system.contains(name) || old.field(name) != nil ? name : nil
          }, in: transaction)
      }
      let survey = MigrationSurvey(
        source: .transaction(transaction, stored, behind: nil), now: now, onBreaking: nil)
      var isNarrowed = false
      for step in steps {
        var step = step
        if case .narrowField = step.action, let table = step.table {
          isNarrowed = true
          if let lock = dialect.lockAgainstWrites(table) { try await transaction.execute(lock) }
        }
        if step.kind == .additive { step = try await survey.runAgain([step])[0] }
        if let reason = step.refusalAtStart { refused.append(reason) }
      }
      return isNarrowed
    }

    /// Brings entries, grants and edges in step, or leaves that to pieces (true).
    ///
    /// `changed` are the fields that rows of each collection were given.
    private func keepStreams(
      _ collection: CompiledCollection, of catalogue: Catalogue, changed: [String: FieldSet]
    ) async throws -> Bool {
      let signature = catalogue.streamSignatures[collection.index]
      let stored = self.stored.streamSignatures[collection.number]
      // The scopes of a row may be resolved from rows of other collections.
      let rowsChanged =
        changed[collection.name] != nil
        || !changed.isEmpty && catalogue.scopes.resolvesReferences(of: collection.index)
      guard stored != signature || rowsChanged else { return false }
      var isRescoped = false
      if extended.contains(collection.name) {
        let retiered = stored.map { StreamSignature.retiered(since: $0, of: collection) }
        let fields = (changed[collection.name] ?? FieldSet()).union(retiered ?? FieldSet())
        if !rowsChanged, try await hasManyRows(collection.name) {
          try await StreamRescope.open(
            collection, signature: signature, changed: fields,
            schema: catalogue.model.source, at: now, in: transaction)
          isRescoped = true
        } else {
          try await StreamRescope.close(collection, at: now, in: transaction)
          try await StreamRebuild(collection: collection, catalogue: catalogue, changed: fields)
            .run(in: transaction)
        }
      }
      try await transaction.execute(
        """
        INSERT INTO roost_stream_rules (collection, signature) \
        VALUES (\(collection.number), \(signature)) \
        ON CONFLICT (collection) DO UPDATE SET signature = excluded.signature
        """)
      return isRescoped
    }

    private mutating func loadCollections() async throws {
      let rows = try await transaction.all("SELECT number, name FROM roost_collection") {
        ($0.int64(0), $0.text(1))
      }
      for (number, name) in rows where !RetiredName.isOne(name) {
        numbers.set(collection: name, number)
      }
    }

    private mutating func create(_ collection: Collection) async throws {
      let given = assigned[collection.name]
      let names: SQL = given == nil ? "" : "number, "
      let values: SQL = given.map { "\($0), " } ?? ""
      let made = try await transaction.first(
        """
        INSERT INTO roost_collection (\(names)name, type_name) \
        VALUES (\(values)\(collection.name), \(collection.typeName)) RETURNING number
        """
      ) { $0.int64(0) }
      guard let number = made else {
        throw RoostError(.internalError, "A collection could not be numbered.")
      }
      numbers.set(collection: collection.name, number)
      let columns = collection.fields.map { field -> SQL in
        "\(identifier: field.name) \(field.columnType(dialect))"
      }
      try await transaction.execute(TableKeeper.create(collection.name, columns, dialect))
      for (index, field) in collection.fields.enumerated() {
        try await record(field, UInt32(index + 1), of: collection)
      }
    }

    private mutating func record(
      _ field: Field, _ number: UInt32, of collection: Collection
    ) async throws {
      numbers.set(collection.name, field: field.name, number)
      try await transaction.execute(
        """
        INSERT INTO roost_field (collection, number, name, type, required) VALUES (\
        \(numbers.collection(collection.name)), \(Int64(number)), \(field.name), \
        \(TypeSignature.of(field)), \(Value.bool(field.isRequired)))
        """)
    }

    private mutating func extend(_ collection: Collection) async throws {
      extended.insert(collection.name)
      var stored: [String: StoredParts.Field] = [:]
      for field in self.stored.fields[numbers.collection(collection.name)] ?? [] {
        stored[field.name] = field
        numbers.set(collection.name, field: field.name, field.number)
      }
      // The numbers of retired fields stay taken.
      for name in stored.keys.sorted()
      where collection.field(named: name) == nil && !RetiredName.isOne(name) {
        refused.append("\(collection.typeName).\(name) is in the database but not in the schema")
      }
      var next = (stored.values.map(\.number).max() ?? 0) + 1
      for field in collection.fields {
        if let old = stored[field.name] {
          try await compare(field, old, collection)
        } else {
          try await add(field, next, to: collection)
          next += 1
        }
      }
    }

    private mutating func compare(
      _ field: Field, _ old: StoredParts.Field, _ collection: Collection
    ) async throws {
      let name = "\(collection.typeName).\(field.name)"
      let type = TypeSignature.of(field)
      if !TypeSignature.isAdditive(from: old.type, to: type) {
        refused.append(
          "\(name) is stored as \(TypeSignature.shown(old.type)) and cannot become "
            + TypeSignature.shown(type))
        return
      }
      if field.isRequired, !old.isRequired {
        let missing = try await transaction.first(
          """
          SELECT count(*) FROM \(identifier: collection.name) \
          WHERE \(identifier: field.name) IS NULL AND \(identifier: "deletedAt") IS NULL
          """
        ) { $0.int64(0) }
        if let missing, missing > 0 {
          refused.append(
            "\(name) cannot become required: \(missing) records have no value for it; "
              + "leave the ! out, or give them one first")
          return
        }
      }
      if type != old.type || field.isRequired != old.isRequired {
        try await transaction.execute(
          """
          UPDATE roost_field SET type = \(type), required = \(Value.bool(field.isRequired)) \
          WHERE collection = \(numbers.collection(collection.name)) AND name = \(field.name)
          """)
      }
    }

    private mutating func add(
      _ field: Field, _ number: UInt32, to collection: Collection
    ) async throws {
      if field.isRequired, field.defaultValue == nil {
        let rows = try await transaction.first(
          "SELECT count(*) FROM (SELECT 1 FROM \(identifier: collection.name) LIMIT 1) AS any_row"
        ) { $0.int64(0) }
        if rows != 0 {
          refused.append(
            "\(collection.typeName).\(field.name) is new and required, but there are records "
              + "already: give it @default(value:), or leave the ! out")
          return
        }
      }
      try await TableLocks.take([collection.name], in: transaction)
      try await transaction.execute(
        """
        ALTER TABLE \(identifier: collection.name) \
        ADD COLUMN \(identifier: field.name) \(field.columnType(dialect))\(field.columnDefault)
        """)
      // What is derived is made by its rebuild, which tells of it too.
      if field.defaultValue != nil, field.derivation == nil {
        defaulted[collection.name, default: []].append(field)
      }
      try await record(field, number, of: collection)
    }

    private mutating func keepIndexes(
      _ index: Int, _ book: RuleBook, isAhead: Bool
    ) async throws {
      let collection = book.model.collections[index]
      let number = numbers.collection(collection.name)
      let stored = self.stored.indexes[number] ?? [:]
      let plans = IndexPlan.all(index, of: book).map {
        (name: $0.name(on: collection, dialect), plan: $0)
      }
      for (name, definition) in stored.sorted(by: { $0.key < $1.key }) {
        let isPlanned = plans.contains(where: { $0 == name && $1.definition == definition })
        if isPlanned || isAhead { continue }
        try await transaction.execute("DROP INDEX IF EXISTS \(identifier: name)")
        try await transaction.execute("DELETE FROM roost_index WHERE name = \(name)")
      }
      for (name, plan) in plans where stored[name] != plan.definition {
        do {
          try await transaction.execute(plan.create(on: collection, dialect))
        } catch let violation as ConstraintViolation where violation.kind == .unique {
          refused.append(
            "\(collection.typeName) cannot have a unique index on "
              + "(\(plan.fields.joined(separator: ", "))): there are records with equal values")
          // After a refusal an engine may take no more of this transaction.
          throw SchemaChangeError(reasons: refused)
        }
        try await transaction.execute(
          """
          INSERT INTO roost_index (name, collection, definition) \
          VALUES (\(name), \(number), \(plan.definition))
          """)
      }
    }
  }
}
