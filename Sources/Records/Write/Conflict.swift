import Queries
import RoostCore

/// Constraint violations of the database as errors that reveal nothing of the other row.
enum Conflict {
  static func taken(
    _ collection: CompiledCollection, cause: (any Error)? = nil
  ) -> RoostError {
    RoostError(
      .conflict,
      "Another record of \(collection.name) has the same id or the same unique values.",
      cause: cause)
  }

  static func error(
    _ violation: ConstraintViolation, _ collection: CompiledCollection
  ) -> RoostError {
    switch violation.kind {
    case .unique: taken(collection, cause: violation)
    default:
      RoostError(
        .internalError, "The database refused the record.", cause: violation)
    }
  }
}
