import Queries
import RoostCore
import SyncProtocol
import Testing

@testable import Records

/// What becomes of something to be decided when its row goes, or goes out of sight.
@Suite struct ConflictEndTests {
  private let task = row(5)

  /// A note of Ann's and a task for it with Bob's help, over whose word Bob has to decide.
  private func run(_ body: (PushHouse, UUID) async throws -> Void) async throws {
    try await PushHouse.run { own async throws in
      own.house.time.advance(1000)
      let (ann, bob) = (own.house.ann.uid ?? .zero, own.house.bob.uid ?? .zero)
      var phone = Phone(1)
      phone.make([
        .note(row(1), ["owner": .string(ann.description)]),
        .new(
          "tasks", task,
          [
            "by": .string(ann.description), "helper": .string(bob.description),
            "note": .string(row(1).description), "word": "a",
          ]),
      ])
      phone.make([.change("tasks", task, ["word": "b"])])
      #expect(try await own.push(phone.push()).words == ["ok", "ok"])
      var other = Phone(2)
      other.make([.change("tasks", task, ["word": "c"])])
      let pushed = try await own.push(other.push(), by: own.house.bob)
      #expect(pushed.words == ["conflict conflict"])
      try await body(own, try #require(pushed.results.first?.conflicts.first))
    }
  }

  /// How `_conflicts` stands in the stream of Bob.
  private func kinds(_ own: PushHouse) async throws -> [StreamEntry.Kind] {
    try await own.entries(own.house.bob).filter { $0.row.collection == "_conflicts" }.map(\.kind)
  }

  private func resolve(
    _ own: PushHouse, _ id: UUID, _ choice: ConflictChoice, from phone: UInt64
  ) async throws -> [String] {
    var phone = Phone(phone)
    phone.make([.resolve(conflict: id, choice: choice)])
    return try await own.push(phone.push(), by: own.house.bob).words
  }

  private func expectEnded(_ own: PushHouse, _ id: UUID) async throws {
    #expect(try await kinds(own) == [.leave])
    #expect(try await own.house.records.conflicts(of: own.house.bob).isEmpty)
    #expect(try await own.house.records.openConflicts() == 0)
    var late = Phone(8)
    late.make([.resolve(conflict: id, choice: .theirs)])
    let pushed = try await own.push(late.push(), by: own.house.bob)
    #expect(pushed.words == ["rejected closed"])
    #expect(pushed.results.first?.message == "What was to be decided is no longer there.")
  }

  @Test("What was chosen stands, and is told so")
  func decided() async throws {
    try await run { own, id async throws in
      #expect(try await resolve(own, id, .mine, from: 8) == ["ok"])
      var late = Phone(9)
      late.make([.resolve(conflict: id, choice: .theirs)])
      let pushed = try await own.push(late.push(), by: own.house.bob)
      #expect(
        pushed.results.first?.message
          == "This was decided before: what was chosen then stands.")
    }
  }

  @Test("Who deletes a row ends some hundreds at once, and housekeeping the rest")
  func many() async throws {
    try await run { own, _ async throws in
      try await own.house.database.write { transaction in
        for number in 0..<600 {
          try await transaction.execute(
            """
            INSERT INTO roost_conflict (id, account, coll, row_id, field, mine, oid, state, at) \
            SELECT \(row(UInt64(1000 + number))), account, coll, row_id, field, mine, oid, 0, at \
            FROM roost_conflict LIMIT 1
            """)
        }
      }
      try await own.house.delete("tasks", .string(task.description))
      #expect(try await own.house.records.openConflicts() == 101)
      #expect(try await own.house.records.closeMootConflicts() == 101)
      #expect(try await own.house.records.openConflicts() == 0)
    }
  }

  @Test("A conflict leaves with its row", arguments: ["tasks", "notes"])
  func deleted(_ collection: String) async throws {
    try await run { own, id async throws in
      #expect(try await kinds(own) == [.put])
      let gone = collection == "tasks" ? task : row(1)
      try await own.house.delete(collection, .string(gone.description))
      try await expectEnded(own, id)
    }
  }

  @Test("A delete that is refused ends nothing")
  func refused() async throws {
    try await run { own, _ async throws in
      try await own.house.create("bookings", ["note": .string(row(1).description)])
      let note = JSON.string(row(1).description)
      #expect(await refusal { try await own.house.delete("notes", note) }?.code == .conflict)
      #expect(try await kinds(own) == [.put])
      #expect(try await own.house.records.openConflicts() == 1)
    }
  }

  @Test("Nothing is decided about a row out of sight, and all of it is still there afterwards")
  func outOfSight() async throws {
    try await run { own, id async throws in
      let text = JSON.string(task.description)
      let bob = JSON.string(own.house.bob.uid?.description ?? "")
      for (number, choice) in [ConflictChoice.theirs, .mine, .value("d")].enumerated() {
        try await own.house.update("tasks", text, ["helper": .null])
        let words = try await resolve(own, id, choice, from: 10 + UInt64(number))
        #expect(words == ["rejected row_gone"])
        try await own.house.update("tasks", text, ["helper": bob])
      }
      #expect(try await own.house.records.closeMootConflicts() == 0)
      #expect(try await kinds(own) == [.put])
      #expect(try await own.house.read("tasks", text)["word"] == "b")
      #expect(try await resolve(own, id, .mine, from: 20) == ["ok"])
      #expect(try await own.house.read("tasks", text)["word"] == "c")
    }
  }

  /// How something to be decided came to stand alone, before deletes took it along.
  enum Left: CaseIterable {
    case row
    case deletedRow
    case collection
    case field
  }

  @Test(
    "What was left without its row, its collection or its field is ended",
    arguments: Left.allCases)
  func left(_ left: Left) async throws {
    try await run { own, id async throws in
      let records = own.house.records
      #expect(try await records.closeMootConflicts() == 0)
      #expect(try await kinds(own) == [.put])
      let table = own.house.collection("tasks").table
      let sql: SQL =
        switch left {
        case .row: "DELETE FROM \(table)"
        case .deletedRow: "UPDATE \(table) SET \(identifier: "deletedAt") = 1"
        case .collection: "UPDATE roost_conflict SET coll = 999"
        case .field: "UPDATE roost_conflict SET field = 999"
        }
      try await own.house.database.write { _ = try await $0.execute(sql) }
      #expect(try await records.closeMootConflicts() == 1)
      #expect(try await records.closeMootConflicts() == 0)
      try await expectEnded(own, id)
    }
  }
}
