import CArgon2
package import RoostCore

/// Argon2id password hashes (RFC 9106) in the PHC string format.
///
/// For example `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>` with base64 without padding. Making or
/// checking one takes tens of milliseconds and `memoryKB`: run it on an `OffloadPool`.
package struct PasswordHash: Sendable {
  /// What a guess costs.
  package struct Cost: Sendable, Equatable {
    package let memoryKB: UInt32
    package let passes: UInt32
    package let lanes: UInt32

    package init(memoryKB: UInt32, passes: UInt32, lanes: UInt32) {
      self.memoryKB = memoryKB
      self.passes = passes
      self.lanes = lanes
    }

    /// The cost that the OWASP password storage cheat sheet asks for.
    package static let standard = Cost(memoryKB: 19_456, passes: 2, lanes: 1)

    /// What a stored hash may ask for: beyond it, a damaged row would take the machine's memory.
    var isAllowed: Bool {
      (8...262_144).contains(memoryKB) && (1...16).contains(passes) && (1...8).contains(lanes)
        && memoryKB >= 8 * lanes
    }
  }

  package let cost: Cost
  private let salt: [UInt8]
  private let hash: [UInt8]

  private static let saltBytes = 16
  private static let hashBytes = 32

  /// Hashes `password` with a fresh salt.
  ///
  /// Throws `RoostError` with `.overloaded` when there is no memory for it.
  package static func make(
    _ password: [UInt8], cost: Cost = .standard, random: any RandomSource
  ) throws -> PasswordHash {
    let salt = random.bytes(saltBytes)
    return PasswordHash(
      cost: cost, salt: salt, hash: try derive(password, salt: salt, cost: cost, hashBytes))
  }

  /// Reads the PHC form; nil for another algorithm or version, for parameters out of bounds, and for
  /// anything that is not spelled as `text` spells it.
  package init?(_ text: String) {
    let parts = text.split(separator: "$", omittingEmptySubsequences: false)
    guard text.utf8.count <= 256, parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id",
      parts[2] == "v=19",
      let salt = Base64.decode(String(parts[4]), .standard), (8...64).contains(salt.count),
      let hash = Base64.decode(String(parts[5]), .standard), (16...64).contains(hash.count)
    else { return nil }
    let parameters = parts[3].split(separator: ",", omittingEmptySubsequences: false)
    guard parameters.count == 3,
      let memory = PasswordHash.number(parameters[0], "m="),
      let passes = PasswordHash.number(parameters[1], "t="),
      let lanes = PasswordHash.number(parameters[2], "p=")
    else { return nil }
    let cost = Cost(memoryKB: memory, passes: passes, lanes: lanes)
    guard cost.isAllowed else { return nil }
    self.init(cost: cost, salt: salt, hash: hash)
  }

  private init(cost: Cost, salt: [UInt8], hash: [UInt8]) {
    self.cost = cost
    self.salt = salt
    self.hash = hash
  }

  /// The PHC form.
  package var text: String {
    "$argon2id$v=19$m=\(cost.memoryKB),t=\(cost.passes),p=\(cost.lanes)"
      + "$\(Base64.encode(salt, .standard))$\(Base64.encode(hash, .standard))"
  }

  /// Whether `password` is the one that was hashed.
  ///
  /// Throws `RoostError` with `.overloaded` when there is no memory for it.
  package func matches(_ password: [UInt8]) throws -> Bool {
    let derived = try PasswordHash.derive(password, salt: salt, cost: cost, hash.count)
    return ConstantTime.equal(derived, hash)
  }

  /// Whether the hash is cheaper or dearer than `cost`, so that it should be made anew at the next
  /// sign-in.
  package func needsRehash(for cost: Cost) -> Bool {
    self.cost != cost || hash.count != PasswordHash.hashBytes
  }

  private static func derive(
    _ password: [UInt8], salt: [UInt8], cost: Cost, _ byteCount: Int
  ) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: byteCount)
    let status = fill(&output, password, salt: salt, cost: cost)
    guard status == ARGON2_OK.rawValue else {
      throw RoostError(
        .overloaded, "There is no memory to check a password: try again in a moment.",
        retryAfterSeconds: 5, cause: Fault(status: status))
    }
    return output
  }

  /// Gives Argon2's error number.
  private static func fill(
    _ output: inout [UInt8], _ password: [UInt8], salt: [UInt8], cost: Cost
  ) -> Int32 {
    // Argon2 writes to neither, as its flags do not ask it to clear them.
    var (password, salt) = (password, salt)
    return output.withUnsafeMutableBufferPointer { output in
      password.withUnsafeMutableBufferPointer { password in
        salt.withUnsafeMutableBufferPointer { salt in
          var context = argon2_context()
          context.out = output.baseAddress
          context.outlen = UInt32(output.count)
          context.pwd = password.baseAddress
          context.pwdlen = UInt32(password.count)
          context.salt = salt.baseAddress
          context.saltlen = UInt32(salt.count)
          context.t_cost = cost.passes
          context.m_cost = cost.memoryKB
          context.lanes = cost.lanes
          context.threads = cost.lanes
          context.version = ARGON2_VERSION_13.rawValue
          context.allocate_cbk = { memory, bytes in
            memory?.pointee = PasswordMemory.take(bytes)
            return memory?.pointee == nil
              ? ARGON2_MEMORY_ALLOCATION_ERROR.rawValue : ARGON2_OK.rawValue
          }
          context.free_cbk = { memory, bytes in
            if let memory { PasswordMemory.giveBack(memory, bytes) }
          }
          return argon2_ctx(&context, Argon2_id)
        }
      }
    }
  }

  /// Argon2's own error number, for the log.
  private struct Fault: Error { let status: Int32 }

  /// The decimal number after `name`, without leading zeros or signs.
  private static func number(_ text: Substring, _ name: String) -> UInt32? {
    guard text.hasPrefix(name) else { return nil }
    let digits = text.dropFirst(name.count)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
      digits.count == 1 || digits.first != "0"
    else { return nil }
    return UInt32(digits)
  }
}
