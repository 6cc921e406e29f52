import Accounts
import Records
import RoostCore
import Schema

/// What the lines of a file become: records of a collection, or accounts.
enum ImportTarget: Sendable {
  case records(RecordPlan)
  case accounts(AccountPlan)
  /// Records that come back.
  case restored(RestorePlan)
  /// Accounts that come back.
  case people

  /// Throws `ImportFault` where the mapping names what the schema or the header has not.
  init(_ mapping: ImportMapping, _ catalogue: Catalogue, header: [String]?) throws {
    switch mapping.target {
    case .accounts: self = .accounts(try AccountPlan(mapping, header: header))
    case .collection(let name, let place):
      guard let collection = catalogue.collection(named: name) else {
        let names = catalogue.collections.map(\.name)
        let hint = nearest(name, among: names).map { "; did you mean \($0)?" } ?? ""
        throw mapping.fault(
          place, "the schema has no collection \(name.prefix(60))" + hint)
      }
      self = .records(try RecordPlan(mapping, collection, header: header))
    }
  }

  /// The collection's name, or `accounts`.
  var name: String {
    switch self {
    case .records(let plan): plan.collection.name
    case .accounts, .people: "accounts"
    case .restored(let plan): plan.collection.name
    }
  }
}
