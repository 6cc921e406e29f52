/// Signs requests as Amazon Web Services asks for it (Signature Version 4).
///
/// The algorithm is that of "Authenticating Requests (AWS Signature Version 4)" in the AWS
/// documentation. The path is taken as it is written, and requests here have no query.
package struct RequestSignature: Sendable, CustomStringConvertible {
  package let accessKey: String
  private let secretKey: String
  private let region: String
  private let service: String

  package init(accessKey: String, secretKey: String, region: String, service: String) {
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.region = region
    self.service = service
  }

  /// The field `Authorization` of a request.
  ///
  /// `headers` have lowercase names and hold `host` and `x-amz-date`, which is `time`
  /// (`20150830T123600Z`).
  package func authorization(
    _ method: String, path: String, headers: [(name: String, value: String)], body: [UInt8],
    time: String
  ) -> String {
    let sorted = headers.sorted { $0.name < $1.name }
    let names = sorted.map(\.name).joined(separator: ";")
    let canonical =
      ([method, path, ""] + sorted.map { "\($0.name):\($0.value)" }
      + ["", names, Hex.encode(SHA256.digest(body))]).joined(separator: "\n")
    let day = String(time.prefix(8))
    let scope = "\(day)/\(region)/\(service)/aws4_request"
    let text = [
      "AWS4-HMAC-SHA256", time, scope, Hex.encode(SHA256.digest(Array(canonical.utf8))),
    ].joined(separator: "\n")
    var key = Array("AWS4\(secretKey)".utf8)
    for part in [day, region, service, "aws4_request"] {
      key = HMACKey(key).code(for: Array(part.utf8))
    }
    let code = Hex.encode(HMACKey(key).code(for: Array(text.utf8)))
    return "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), SignedHeaders=\(names), "
      + "Signature=\(code)"
  }

  package var description: String { "<redacted>" }
}
