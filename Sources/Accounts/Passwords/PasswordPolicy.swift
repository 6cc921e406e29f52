import RoostCore

/// Which passwords are taken: long ones that are not common; no rules about their composition.
///
/// After NIST SP 800-63B-4 (15 characters where the password is the only factor). Passwords are
/// hashed byte for byte as they are sent; length counts what people see as one character, whichever
/// way it is encoded.
struct PasswordPolicy: Sendable {
  private let minimumCharacters: Int
  private let maximumBytes: Int

  init(_ configuration: AccountsConfiguration) {
    minimumCharacters = configuration.minimumPasswordCharacters
    maximumBytes = configuration.maximumPasswordBytes
  }

  /// What is wrong with a password that somebody chose, or nil.
  func issue(with password: String, email: EmailAddress?) -> FieldIssue? {
    guard password.utf8.count <= maximumBytes else {
      return issue(
        "max_length", "The password is too long: use at most \(maximumBytes) bytes.")
    }
    guard password.count >= minimumCharacters else {
      return issue(
        "min_length",
        "The password is too short: use at least \(minimumCharacters) characters, for example "
          + "several words that have nothing to do with each other.")
    }
    guard !GuessablePasswords.isGuessable(password, email: email) else {
      return issue(
        "common",
        "The password is easy to guess: it is a common one, a repetition, a row of keys or your "
          + "e-mail address. Use several words that have nothing to do with each other.")
    }
    return nil
  }

  private func issue(_ code: String, _ message: String) -> FieldIssue {
    FieldIssue(pointer: "/password", code: code, message: message)
  }
}
