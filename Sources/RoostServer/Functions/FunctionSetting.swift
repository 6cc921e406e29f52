package import HTTPClient
package import Jobs
import RoostCore
import Schema

/// A function as `roost.yaml` declares it, checked as far as that goes without the schema.
package struct FunctionSetting: Sendable {
  /// What it is called for.
  package enum Occasion: Sendable {
    /// A caller asks for the action of its name.
    case action
    /// Records changed; each with the collection's name, what happened, and where that is written.
    case changes([(collection: String, operation: String, place: SourcePlace)])
    case schedule(CronExpression, Zone)
  }

  /// Where a key lies: never the key itself.
  package struct SecretSource: Sendable {
    package enum Origin: Sendable, Equatable {
      case environment(String)
      case file(String)
    }

    package let origin: Origin
    package let place: SourcePlace
    /// What the environment says, where that is where it lies.
    let given: Secret<String>?
  }

  package let name: String
  /// The file that declares it, and where.
  package let file: String
  package let place: SourcePlace
  package let url: OutgoingURL
  package let urlPlace: SourcePlace
  package let secrets: [SecretSource]
  package let occasion: Occasion
  package let roles: [(name: String, place: SourcePlace)]
  package let timeoutMilliseconds: Int64
  /// How often it is called again.
  package let retries: Int
  /// How many calls are under way at once, in a process; of triggers and schedules.
  package let concurrency: Int
  package let requiresSignedAnswers: Bool
  /// Whether people without an account may call the action.
  package let isPublic: Bool

  /// The name of the place in the log of a function that follows changes.
  package static func followerName(_ function: String) -> String { "function:" + function }

  /// Whether it follows the log.
  package var isTrigger: Bool { if case .changes = occasion { true } else { false } }

  /// The error for something of the declaration.
  func failure(_ place: SourcePlace, _ message: String) -> Settings.Failure {
    Settings.failure(file, place, message)
  }
}
