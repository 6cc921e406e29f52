import Queries
import RoostCore
import RoostServer
import SyncProtocol

/// What must be there after the server fell, and what is forgotten with an older copy.
extension World {
  private func known() async throws -> Set<ChainHash> {
    Set(
      try await server.look { reader in
        try await reader.all("SELECT oid FROM roost_mutation") { row in
          row.uuid(0).map { ChainHash(uuid: $0) }
        }
      }.compactMap { $0 })
  }

  private func heads() async throws -> [Int64: Int64] {
    let rows = try await server.look { reader in
      try await reader.all("SELECT stream, seq FROM roost_scope_head") {
        ($0.int64(0), $0.int64(1))
      }
    }
    return Dictionary(rows, uniquingKeysWith: { $1 })
  }

  /// 7: what was answered and what was shown is still there.
  func checkAfterFall() async throws {
    let known = try await known()
    for oid in ledger.acknowledged.subtracting(known).sorted(by: { $0.isBefore($1) }) {
      // A liar's operations are in no ledger, and neither are those that were never taken in.
      guard ledger.operations[oid] != nil else { continue }
      return breach(.durability, "\(oid) was acknowledged, and is gone after the fall")
    }
    let heads = try await heads()
    for (stream, head) in ledger.published.sorted(by: { $0.key < $1.key }) {
      guard heads[stream] ?? 0 >= head else {
        return breach(.durability, "stream \(stream) was published up to \(head), and is gone")
      }
    }
  }

  /// The server was put back: what it has lost is no debt any more.
  func forgetWhatWasLost() async throws {
    let known = try await known()
    ledger.acknowledged.formIntersection(known)
    ledger.places = ledger.places.filter { known.contains($0.key) }
    ledger.deleted = []
    ledger.published = try await heads()
    try await forgetSequences()
  }
}
