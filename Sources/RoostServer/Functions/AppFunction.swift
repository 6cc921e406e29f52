import Cryptography
package import HTTPClient
package import Jobs
import Records
package import RoostCore

/// A function of the app, checked against the schema and with its keys.
package struct AppFunction: Sendable {
  /// What happened to a record of a collection.
  package struct Change: Sendable, Hashable {
    package let collection: String
    package let operation: String
  }

  package enum Occasion: Sendable {
    case action
    case changes(Set<Change>)
    case schedule(CronExpression, Zone)
  }

  package let name: String
  package let url: OutgoingURL
  package let signer: FunctionSigner
  package let occasion: Occasion
  /// As whom it reads what it is told, and as whom what it returns is judged.
  package let roles: Set<String>
  package let timeoutMilliseconds: Int64
  package let retries: Int
  package let concurrency: Int
  package let requiresSignedAnswers: Bool
  package let isPublic: Bool

  /// The kind of its jobs; each function has a lane of its own.
  package var jobKind: String { "function." + name }

  /// How it is shown: what it is called for, in the words of `roost.yaml`.
  package var occasionText: String {
    switch occasion {
    case .action: "action"
    case .changes(let changes):
      changes.map { "\($0.collection).\($0.operation)" }.sorted().joined(separator: ", ")
    case .schedule(let expression, let zone): "schedule \"\(expression)\" in \(zone.name)"
    }
  }

  /// Changes that follow from one another through functions, at most.
  package static let deepest = 4
  private static let callers = UUID(high: 0x6f1c_22ab_0d93_8e57, low: 0x8b0a_40fe_7712_c36d)
  private static let operations = UUID(high: 0x2f9e_7c10_5b44_8d02, low: 0xa6d3_915e_08cf_4b71)

  /// Who makes the changes that the function returns, where so many functions follow from one
  /// another: the id stands in the log, and says what made the change and how deep it lies.
  package static func callerID(_ name: String, depth: Int) -> UUID {
    ServiceID.make(DerivedID.make(callers, "\(name)/\(depth)"))
  }

  package func caller(depth: Int) -> Caller {
    Caller(uid: AppFunction.callerID(name, depth: depth), roles: roles, isService: true)
  }

  /// The id of a call that is the same in each attempt: of what it is about, as a text.
  package static func operationID(_ name: String, _ cause: String) -> UUID {
    DerivedID.make(operations, "\(name)/\(cause)")
  }
}
