import Queries

/// The statements that begin and end transactions.
enum Control {
  static let begin = Statement("BEGIN")
  static let beginWrite = Statement("BEGIN IMMEDIATE")
  static let commit = Statement("COMMIT")
  static let rollback = Statement("ROLLBACK")
  static let savepoint = Statement("SAVEPOINT roost_body")
  static let release = Statement("RELEASE roost_body")
  static let attempt = Statement("SAVEPOINT roost_attempt")
  static let releaseAttempt = Statement("RELEASE roost_attempt")
  static let rollbackToAttempt = Statement("ROLLBACK TO roost_attempt")
  static let rollbackToSavepoint = Statement("ROLLBACK TO roost_body")
}
