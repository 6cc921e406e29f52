import Glibc
import Queries
import RoostCore
import Testing

private struct Note: Effect, Equatable { let number: Int }
private struct Refusal: Error {}

/// A step before the commit that writes each effect to a table and remembers what it was given.
private final class Recorder: PreCommit {
  let applied = Shared<[[Note]]>([])
  let committed = Shared<[[Note]]>([])
  let fails = Shared(false)
  let suspends = Shared(false)
  /// Milliseconds that `committed` takes, so that a caller who does not wait for it overtakes it.
  let delay = Shared<UInt32>(0)

  func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {
    let notes = effects.compactMap { $0 as? Note }
    applied.change { $0.append(notes) }
    for note in notes {
      try await transaction.execute("INSERT INTO note (number) VALUES (\(note.number))")
    }
    if fails.value { throw Refusal() }
    if suspends.value { await Task.yield() }
  }

  func committed(_ effects: [any Effect]) {
    let notes = effects.compactMap { $0 as? Note }
    usleep(delay.value * 1000)
    committed.change { $0.append(notes) }
  }
}

extension ConformanceCase {
  /// What bodies leave for the step before the commit.
  static let effects: [ConformanceCase] = [
    ConformanceCase(
      "effects reach the step before the commit once, in order, without those of bodies that failed",
      needsOneWriter: true
    ) { engine in
      let recorder = Recorder()
      try await engine.with(ConformanceOptions(preCommit: recorder)) { database in
        try await database.run("CREATE TABLE note (number BIGINT)")
        _ = await database.together(
          (0..<6).map { number in
            { transaction in
              transaction.attach(Note(number: number * 10))
              transaction.attach(Note(number: number * 10 + 1))
              if number == 2 { throw Refusal() }
              if number == 4 { await Task.yield() }
            }
          })
        let expected = [0, 1, 10, 11, 30, 31, 50, 51].map { Note(number: $0) }
        #expect(recorder.applied.value.flatMap { $0 } == expected)
        #expect(recorder.committed.value == recorder.applied.value)
        #expect(
          try await database.integers("SELECT number FROM note ORDER BY number")
            == expected.map { Int64($0.number) })
      }
    },
    ConformanceCase("the step after the commit has run when the write returns") { engine in
      let recorder = Recorder()
      try await engine.with(ConformanceOptions(preCommit: recorder)) { database in
        try await database.run("CREATE TABLE note (number BIGINT)")
        recorder.delay.change { $0 = 5 }
        for number in 0..<10 {
          try await database.write { $0.attach(Note(number: number)) }
          #expect(recorder.committed.value.last == [Note(number: number)])
        }
      }
    },
    ConformanceCase(
      "an error of the step before the commit fails the whole batch", needsOneWriter: true
    ) { engine in
      let recorder = Recorder()
      try await engine.with(ConformanceOptions(preCommit: recorder)) { database in
        try await database.run("CREATE TABLE note (number BIGINT)")
        recorder.fails.change { $0 = true }
        let results = await database.together([
          { $0.attach(Note(number: 1)) },
          { try await $0.execute("INSERT INTO note (number) VALUES (99)") },
        ])
        for result in results { #expect(throws: Refusal.self) { try result.get() } }
        #expect(recorder.committed.value == [])
        #expect(try await database.integers("SELECT number FROM note") == [])
        recorder.fails.change { $0 = false }
        try await database.write { $0.attach(Note(number: 2)) }
        #expect(try await database.integers("SELECT number FROM note") == [2])
      }
    },
    ConformanceCase("a step before the commit that awaits something else fails the whole batch") {
      engine in
      let recorder = Recorder()
      try await engine.with(ConformanceOptions(preCommit: recorder)) { database in
        try await database.run("CREATE TABLE note (number BIGINT)")
        recorder.suspends.change { $0 = true }
        let refused = await code {
          try await database.write { $0.attach(Note(number: 1)) }
        }
        #expect(refused == .internalError)
        recorder.suspends.change { $0 = false }
        try await database.write { $0.attach(Note(number: 2)) }
        #expect(try await database.integers("SELECT number FROM note") == [2])
      }
    },
    ConformanceCase("an effect that nothing would apply is refused") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE note (number BIGINT)")
        let results = await database.together([
          { $0.attach(Note(number: 1)) },
          { try await $0.execute("INSERT INTO note (number) VALUES (2)") },
        ])
        #expect(results.map { code($0) } == [.internalError, nil])
        #expect(try await database.integers("SELECT number FROM note") == [2])
      }
    },
  ]
}
