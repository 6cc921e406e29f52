import Cryptography
package import RoostCore

/// Signs requests to a function, and checks signatures, as Standard Webhooks has it.
///
/// What is signed is the id, the time in seconds, and the body, with a period in between; each key
/// gives one signature `v1,` and base 64 of HMAC-SHA-256. (standardwebhooks.com, version 1.0.0.)
package struct FunctionSigner: Sendable {
  /// How far the clocks of both sides may be apart.
  package static let toleranceSeconds: Int64 = 300
  /// A key of fewer bytes could be guessed.
  static let fewestBytes = 24

  private let keys: [HMACKey]

  /// `secrets` are the keys as texts: `whsec_` and base 64, or any text, which then is the key.
  ///
  /// Nil where one of them is too short or not what it says.
  package init?(_ secrets: [Secret<String>]) {
    var keys: [HMACKey] = []
    for secret in secrets {
      guard let bytes = FunctionSigner.bytes(secret.reveal()), bytes.count >= Self.fewestBytes
      else { return nil }
      keys.append(HMACKey(bytes))
    }
    guard !keys.isEmpty else { return nil }
    self.keys = keys
  }

  private static func bytes(_ text: String) -> [UInt8]? {
    let prefix = "whsec_"
    guard text.hasPrefix(prefix) else { return Array(text.utf8) }
    var coded = text.dropFirst(prefix.count)
    while coded.hasSuffix("=") { coded = coded.dropLast() }
    return Base64.decode(String(coded), .standard)
  }

  /// The value of `webhook-signature`: a signature by each key, with spaces between them.
  package func signatures(id: String, seconds: Int64, body: [UInt8]) -> String {
    codes(id, seconds, body).map { "v1,\(FunctionSigner.padded($0))" }.joined(separator: " ")
  }

  /// What is wrong with the signature of a message; nil for one by any of the keys, in time.
  package func fault(
    id: String?, timestamp: String?, signature: String?, body: [UInt8], expecting expected: String,
    now: Timestamp
  ) -> String? {
    guard let id, let timestamp, let signature else {
      return "it lacks webhook-id, webhook-timestamp or webhook-signature"
    }
    guard id == expected else { return "its webhook-id is that of another call" }
    guard let seconds = Int64(timestamp), seconds >= 0 else {
      return "its webhook-timestamp is no number of seconds"
    }
    let (apart, overflow) = (now.milliseconds / 1000).subtractingReportingOverflow(seconds)
    guard !overflow, apart.magnitude <= UInt64(Self.toleranceSeconds) else {
      return "its webhook-timestamp is more than 5 minutes off"
    }
    let codes = codes(id, seconds, body)
    for part in signature.split(separator: " ") where part.hasPrefix("v1,") {
      var text = part.dropFirst(3)
      while text.hasSuffix("=") { text = text.dropLast() }
      guard let given = Base64.decode(String(text), .standard) else { continue }
      if codes.contains(where: { ConstantTime.equal($0, given) }) { return nil }
    }
    return "its webhook-signature is by none of the keys"
  }

  private func codes(_ id: String, _ seconds: Int64, _ body: [UInt8]) -> [[UInt8]] {
    let message = Array("\(id).\(seconds).".utf8) + body
    return keys.map { $0.code(for: message) }
  }

  private static func padded(_ bytes: [UInt8]) -> String {
    let text = Base64.encode(bytes, .standard)
    return text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
  }
}
