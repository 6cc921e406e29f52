package import RoostCore
package import Rules
package import Schema
package import SyncProtocol

/// A change that somebody asks for; whichever door it came through, it goes the way of `WritePath`.
package struct Mutation: Sendable {
  package enum Kind: Int64, Sendable {
    case create = 1
    case update = 2
    case delete = 3
  }

  /// On whose behalf: a caller, who is held to the rules, or the server itself (seeds, imports,
  /// followers), which is held to everything but them.
  package enum Author: Sendable {
    case caller(Caller)
    case system
    /// The server, for a change that follows from one of this service: the log names that, so that
    /// a loop of changes is known for one.
    case consequence(of: UUID)
  }

  package let kind: Kind
  package let collection: CompiledCollection
  package let id: UUID
  /// What is done to each field that is named, by the field's index, each at most once.
  package let changes: [FieldChange]
  /// The fields that the author named: without defaults and owners that were filled in.
  package let named: FieldSet
  package let author: Author
  /// When the change arrived.
  package let time: Timestamp
  /// When the change was made; temporal constraints are tested against it.
  package let madeAt: Timestamp
  /// What the author expects of the row's version (`If-Match`).
  package let expectation: Expectation
  /// What a change that was made on a device brings along; nil for one that is made here and now.
  package var device: DeviceChange?
}

/// What a change that was made on a device says of itself.
package struct DeviceChange: Sendable {
  /// When and where it was made, held to what the server's clock allows.
  package let stamp: Stamp
  /// By the field's index, the stamp of the value that the edit was made on, as far as it is told.
  package let base: [Int: Stamp]

  package init(stamp: Stamp, base: [Int: Stamp] = [:]) {
    self.stamp = stamp
    self.base = base
  }
}

/// The version that a row must have for a change to take place.
package enum Expectation: Sendable, Equatable {
  /// Nothing was said; collections that do not merge refuse that.
  case nothing
  /// Whatever it is (`If-Match: *`).
  case any
  case oneOf(Set<Int64>)
}

/// What a record that comes back brings along beside its fields.
package struct RecordStamp: Sendable, Equatable {
  package let version: Int64
  package let createdAt: Timestamp
  package let updatedAt: Timestamp

  package init(version: Int64, createdAt: Timestamp, updatedAt: Timestamp) {
    self.version = version
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }
}

/// A create that was decoded and validated, and waits for a transaction.
///
/// A class, because an import passes on thousands, and a struct of this size is dear to copy.
package final class PreparedCreate: Sendable {
  let draft: WritePath.Draft

  init(draft: WritePath.Draft) { self.draft = draft }

  package var mutation: Mutation { draft.mutation }
}

/// What is done to one field.
package struct FieldChange: Sendable {
  package enum Operation: Sendable {
    case set(FieldValue)
    /// `{"$increment": n}`: adds to a number.
    case increment(FieldValue)
    /// `{"$add": […], "$remove": […]}`: adds elements to a list that lacks them, and takes away.
    case edit(add: [JSON], remove: [JSON])
  }

  package let field: Int
  package let operation: Operation
}

extension Mutation.Author {
  var isSystem: Bool {
    if case .caller = self { false } else { true }
  }

  /// Who makes the changes that the server makes because of one by `actor`.
  ///
  /// Only a service is passed on: a person did not make what the server did.
  package static func server(because actor: UUID?) -> Mutation.Author {
    guard let actor, ServiceID.isService(actor) else { return .system }
    return .consequence(of: actor)
  }

  /// Who is named in the log; nil for the server.
  var uid: UUID? {
    switch self {
    case .caller(let caller): caller.uid
    case .consequence(let service): service
    case .system: nil
    }
  }

  /// The account of the author; nil for the server, and for what is no person.
  var account: UUID? {
    if case .caller(let caller) = self, !caller.isService { caller.uid } else { nil }
  }
}
