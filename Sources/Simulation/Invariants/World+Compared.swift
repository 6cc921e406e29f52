import Queries
import RoostCore
import SyncProtocol

/// Fields whose edits take place on what they were made on, and what people decide of the others.
extension World {
  /// What a person is to decide, or has decided.
  struct Dispute: Sendable {
    let oid: ChainHash
    let row: UUID
    let mine: JSON

    /// Worlds write values of their own kind to each field, and none twice.
    var field: String? {
      switch mine.string?.first {
      case "p": "poster"
      case "l": "plan"
      default: nil
      }
    }
  }

  func disputes() async throws -> [UUID: Dispute] {
    let rows = try await server.look { reader in
      try await reader.all("SELECT id, oid, row_id, mine FROM roost_conflict") { row in
        (
          row.uuid(0) ?? .zero,
          Dispute(
            oid: ChainHash(uuid: row.uuid(1) ?? .zero), row: row.uuid(2) ?? .zero,
            mine: (try? JSON.parse(text: row.text(3))) ?? .null)
        )
      }
    }
    return Dictionary(rows, uniquingKeysWith: { first, _ in first })
  }

  /// `disputed` has the values of the operation that are up to somebody; nil where that is not known
  /// any more.
  static func compare(
    _ change: ClientOperation, of operation: Ledger.Operation, _ disputed: [JSON]?,
    _ disputes: [UUID: Dispute], to accounts: inout [UUID: Account]
  ) {
    let stamp = operation.isClamped ? nil : operation.taken
    switch change {
    case .create("gigs", let id, let fields):
      guard let stamp else { return }
      for name in ComparedField.strategies.keys {
        accounts[id]?.compared[name] = ComparedField(fields[name] ?? .null, createdAt: stamp)
      }
    case .update("gigs", let id, let fields, let base):
      for (name, value) in fields {
        guard let strategy = ComparedField.strategies[name] else { continue }
        guard let stamp, let disputed, operation.sent != nil,
          var field = accounts[id]?.compared[name]
        else {
          accounts[id]?.unsure.insert(name)
          continue
        }
        let fault = field.take(
          value, strategy, at: stamp, on: base[name], isUpToSomebody: disputed.contains(value))
        accounts[id]?.compared[name] = field
        if let fault {
          accounts[id]?.faults[name] = "\(value.text) of \(operation.oid) \(fault)"
        }
      }
    case .resolve(let id, let choice):
      guard let dispute = disputes[id], let name = dispute.field else { return }
      let chosen: JSON
      switch choice {
      case .theirs: return
      case .mine: chosen = dispute.mine
      case .value(let value): chosen = value
      }
      if let stamp {
        accounts[dispute.row]?.compared[name]?.choose(chosen, at: stamp)
      } else {
        accounts[dispute.row]?.unsure.insert(name)
      }
    default: break
    }
  }
}
