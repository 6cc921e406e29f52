package import Accounts
package import RoostCore
package import Transport

/// Tells who asks from a request's `Authorization` field.
///
/// Awaits nothing: a token seen before is found in memory, another costs one signature check.
package struct Authenticator: Sendable {
  private let accounts: AccountStore

  package init(accounts: AccountStore) { self.accounts = accounts }

  /// The caller; `Caller.everyone` without an `Authorization` field.
  ///
  /// Throws `RoostError` with `.unauthenticated` for credentials that are of another scheme,
  /// malformed, expired or revoked: they are never taken for none.
  package func caller(of request: Request) throws -> Caller {
    guard let field = request.header("authorization") else { return .everyone }
    var text = field
    let caller: Caller? = try text.withUTF8 { bytes in
      guard let start = Authenticator.tokenStart(bytes) else { return nil }
      return try accounts.authenticate(UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }
    guard let caller else {
      throw RoostError(
        .unauthenticated, "The Authorization field must be Bearer followed by an access token.")
    }
    return caller
  }

  /// The caller, who is an administrator at this moment.
  ///
  /// Throws `RoostError` with `.unauthenticated` without an account, with `.forbidden` for other
  /// people, and as `caller(of:)`.
  package func administrator(of request: Request) throws -> Caller {
    let caller = try caller(of: request)
    guard caller.uid != nil else {
      throw RoostError(
        .unauthenticated, "Sign in and send the access token as Authorization: Bearer.")
    }
    guard accounts.isAdministrator(caller) else {
      throw RoostError(
        .forbidden, "This is for administrators; roost admin makes the first one.")
    }
    return caller
  }

  /// Where the token begins after `Bearer` (in any case) and spaces; nil for another scheme.
  private static func tokenStart(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    let scheme: StaticString = "bearer "
    let length = scheme.utf8CodeUnitCount
    guard bytes.count > length else { return nil }
    for index in 0..<length where bytes[index] | 0x20 != scheme.utf8Start[index] { return nil }
    return bytes[length...].firstIndex { $0 != 0x20 }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate init(rebasing slice: Slice<UnsafeBufferPointer<UInt8>>) {
    self.init(UnsafeBufferPointer(rebasing: slice))
  }
}
