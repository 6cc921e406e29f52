import Queries
package import Records
package import RoostCore

/// What `roost migrate status` shows: schemas served, migrations, what is kept.
package struct MigrationStatus: Sendable {
  package let versions: [SchemaHistory.Entry]
  package let runs: [MigrationRun]
  package let tasks: [MigrationTask]
  package let retired: [RetiredParts.Part]

  static func read(_ database: any Database) async throws -> MigrationStatus {
    let releases = try await SchemaHistory(database: database).releases()
    return try await database.read(.snapshot) { reader in
      MigrationStatus(
        versions: releases.map(\.entry), runs: try await MigrationRun.all(in: reader),
        tasks: try await MigrationTask.underWay(in: reader),
        retired: try await RetiredParts.all(in: reader))
    }
  }

  package var json: JSON {
    [
      "versions": .array(
        versions.map { ["version": .string("\($0.version)"), "at": .string("\($0.at)")] }),
      "migrations": .array(
        runs.map { run in
          [
            "number": .int(run.number), "kind": .string(run.kind.rawValue),
            "state": .string(run.state.rawValue), "begunAt": .string("\(run.begunAt)"),
            "steps": run.steps,
          ]
        }),
      "running": .array(
        tasks.map { task in
          [
            "kind": .string(task.kind.rawValue), "done": .int(Int64(task.done)),
            "total": .int(Int64(task.total)),
          ]
        }),
      "retired": .array(
        retired.map { part in
          [
            "item": .string(part.name), "kept": .string(part.kept), "rows": .int(part.rows),
            "bytes": .int(part.bytes),
          ]
        }),
    ]
  }

  package var lines: [String] {
    var lines = versions.map { "version \($0.version)  served since \($0.at)" }
    for run in runs {
      lines.append(
        "migration \(run.number)  \(run.kind.rawValue)  \(run.state.rawValue)  begun \(run.begunAt)"
      )
    }
    for task in tasks where task.isOpen {
      let waiting = task.kind == .rescope ? "  sync waits for it" : ""
      lines.append("running  \(task.kind.rawValue)  \(task.done) of \(task.total) rows\(waiting)")
    }
    for part in retired {
      lines.append("kept  \(part.name)  \(part.rows) rows, \(part.bytes) bytes  as \(part.kept)")
    }
    return lines.isEmpty ? ["no migration yet"] : lines
  }
}

extension MigrationProgress {
  /// One line for a terminal.
  package var line: String {
    let percent = Int(exactly: (fraction * 100).rounded(.down)) ?? 0
    let perSecond = Int(exactly: rate.rounded()) ?? 0
    return "\(what) \(percent)% \(Count.text(done)) rows, \(Count.text(perSecond))/s, "
      + "\(Count.clock(secondsLeft)) left"
  }
}
