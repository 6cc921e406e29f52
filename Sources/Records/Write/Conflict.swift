import Queries
import RoostCore

/// Constraint violations of the database as errors that reveal nothing of the other row.
enum Conflict {
  static func error(
    _ violation: ConstraintViolation, _ collection: CompiledCollection
  ) -> RoostError {
    switch violation.kind {
    case .unique:
      RoostError(
        .conflict,
        "Another record of \(collection.name) has the same id or the same unique values.",
        cause: violation)
    default:
      RoostError(
        .internalError, "The database refused the record.", cause: violation)
    }
  }
}
