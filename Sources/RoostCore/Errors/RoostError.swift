/// One fault in the input, located by a JSON pointer (RFC 6901) into the body, or a parameter's name.
package struct FieldIssue: Error, Sendable, Equatable {
  /// A JSON pointer such as `/date`, or `?limit` for a query parameter.
  package let pointer: String
  /// A stable, lower-case name such as `required`, `type`, `unknown_field`, `max`.
  package let code: String
  /// What is wrong and what to do, safe to show to anybody.
  package let message: String

  package init(pointer: String, code: String, message: String) {
    self.pointer = pointer
    self.code = code
    self.message = message
  }
}

/// The error that crosses Roost's layers: a code, a message that is safe to show, and its cause.
///
/// `detail` and `issues` reach the caller; `cause` reaches the log only.
package struct RoostError: Error, Sendable, CustomStringConvertible {
  package let code: ErrorCode
  package let detail: String
  package let issues: [FieldIssue]
  /// Whole seconds after which a retry may succeed (the `Retry-After` header).
  package let retryAfterSeconds: Int?
  /// The underlying error, for the log only.
  package let cause: (any Error)?

  package init(
    _ code: ErrorCode, _ detail: String, issues: [FieldIssue] = [],
    retryAfterSeconds: Int? = nil, cause: (any Error)? = nil
  ) {
    self.code = code
    self.detail = detail
    self.issues = issues
    self.retryAfterSeconds = retryAfterSeconds
    self.cause = cause
  }

  /// Invalid input (422) with its faults.
  package static func invalid(_ issues: [FieldIssue]) -> RoostError {
    let detail =
      issues.count == 1
      ? issues[0].message : "\(issues.count) fields are invalid; see errors."
    return RoostError(.invalid, detail, issues: issues)
  }

  /// Invalid input (422) with one fault.
  package static func invalid(_ pointer: String, _ code: String, _ message: String) -> RoostError {
    .invalid([FieldIssue(pointer: pointer, code: code, message: message)])
  }

  /// `detail` for where the issues are not shown beside it, such as the reason of a job: several are
  /// told one after another, at most eight.
  package var wholeDetail: String {
    guard issues.count > 1 else { return detail }
    let told = issues.prefix(8).map { "\($0.pointer) \($0.message)" }.joined(separator: " ")
    let more = issues.count > 8 ? " … and \(issues.count - 8) more." : ""
    return "\(issues.count) fields are invalid: \(told)\(more)"
  }

  package var description: String {
    var text = "\(code.rawValue): \(detail)"
    for issue in issues where issues.count > 1 { text += "; \(issue.pointer) \(issue.message)" }
    if let cause { text += " (\(cause))" }
    return text
  }
}
