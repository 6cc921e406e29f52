import Cryptography
import Glibc
import HTTPClient
import RoostCore

/// A key management service that speaks the JSON protocol of AWS KMS.
///
/// It seals and opens one small thing, the master key, at a start; what it is asked for is bound to an
/// encryption context, so that it opens nothing else with it.
struct KeyManagementService: Sendable {
  /// What stands beside each request to it, and has to be the same when it opens.
  static let context: JSON = ["roost": "master key"]

  let keyID: String
  private let url: OutgoingURL
  private let signature: RequestSignature
  private let sessionToken: String?
  private let ambient: Ambient

  /// From the settings; the credentials come from the environment, under the names that AWS gave
  /// them.
  init(_ settings: Settings, ambient: Ambient) throws {
    let region = settings.text(SettingKeys.kmsRegion)
    keyID = settings.text(SettingKeys.kmsKey)
    guard !keyID.isEmpty, !region.isEmpty else {
      throw RoostError(
        .invalid, "encryption.kms needs a keyId and a region: the id, ARN or alias of a key.")
    }
    let given = settings.text(SettingKeys.kmsEndpoint)
    let endpoint = given.isEmpty ? "https://kms.\(region).amazonaws.com/" : given
    do throws(OutgoingURL.Fault) {
      url = try OutgoingURL(endpoint)
    } catch {
      throw RoostError(.invalid, "encryption.kms.endpoint: \(error.reason)")
    }
    guard url.isSecure || ["127.0.0.1", "localhost", "::1"].contains(url.host) else {
      throw RoostError(
        .invalid, "encryption.kms.endpoint begins with https://: master keys travel over it.")
    }
    guard let accessKey = KeyManagementService.environment("AWS_ACCESS_KEY_ID"),
      let secretKey = KeyManagementService.environment("AWS_SECRET_ACCESS_KEY")
    else {
      throw RoostError(
        .invalid,
        "encryption.kms needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.")
    }
    sessionToken = KeyManagementService.environment("AWS_SESSION_TOKEN")
    signature = RequestSignature(
      accessKey: accessKey, secretKey: secretKey, region: region, service: "kms")
    self.ambient = ambient
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A new secret of 32 bytes, in plain and as the service sealed it (base64).
  func generate() async throws -> (secret: [UInt8], sealed: String) {
    let answer = try await ask(
      "GenerateDataKey",
      [
        "KeyId": .string(keyID), "KeySpec": "AES_256",
        "EncryptionContext": KeyManagementService.context,
      ])
    guard let secret = answer["Plaintext"]?.string.flatMap(KeyManagementService.decode),
      let sealed = answer["CiphertextBlob"]?.string
    else { throw KeyManagementService.unread }
    return (secret, sealed)
  }

  /// What it sealed.
  func open(_ sealed: String) async throws -> [UInt8] {
    let answer = try await ask(
      "Decrypt",
      ["CiphertextBlob": .string(sealed), "EncryptionContext": KeyManagementService.context])
    guard let secret = answer["Plaintext"]?.string.flatMap(KeyManagementService.decode) else {
      throw KeyManagementService.unread
    }
    return secret
  }

  /// `secret` sealed under the key of now.
  func seal(_ secret: [UInt8]) async throws -> String {
    let answer = try await ask(
      "Encrypt",
      [
        "KeyId": .string(keyID), "Plaintext": .string(KeyManagementService.encode(secret)),
        "EncryptionContext": KeyManagementService.context,
      ])
    guard let sealed = answer["CiphertextBlob"]?.string else { throw KeyManagementService.unread }
    return sealed
  }

  private static let unread = RoostError(
    .internalError, "The key management service gave an answer without what it was asked for.")

  private static func encode(_ bytes: [UInt8]) -> String {
    let text = Base64.encode(bytes, .standard)
    return text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
  }

  private static func decode(_ text: String) -> [UInt8]? {
    Base64.decode(String(text.prefix { $0 != "=" }), .standard)
  }

  private func ask(_ operation: String, _ body: JSON) async throws -> JSON {
    let time = KeyManagementService.basic(ambient.time.now())
    let bytes = body.encoded
    let isUsual = url.port == (url.isSecure ? 443 : 80)
    var headers: [(name: String, value: String)] = [
      ("content-type", "application/x-amz-json-1.1"),
      ("host", isUsual ? url.host : "\(url.host):\(url.port)"), ("x-amz-date", time),
      ("x-amz-target", "TrentService.\(operation)"),
    ]
    if let sessionToken { headers.append(("x-amz-security-token", sessionToken)) }
    let authorization = signature.authorization(
      "POST", path: "/", headers: headers, body: bytes, time: time)
    headers.removeAll { $0.name == "host" }
    headers.append(("authorization", authorization))
    let client = OutgoingClient(.everything, time: ambient.time, threads: 1)
    defer { client.stop() }
    let response: OutgoingResponse
    do throws(OutgoingFailure) {
      response = try await client.send(OutgoingRequest("POST", url, headers: headers, body: bytes))
    } catch {
      throw RoostError(
        .internalError, "The key management service at \(url) cannot be reached: \(error.reason)")
    }
    let answer = (try? JSON.parse(response.body)) ?? .null
    guard response.status == 200 else {
      let kind = answer["__type"]?.string ?? "status \(response.status)"
      let message = answer["message"]?.string ?? answer["Message"]?.string ?? ""
      throw RoostError(
        .internalError,
        "The key management service refused \(operation) with the key \(keyID): "
          + "\(kind) \(message)".prefix(300))
    }
    return answer
  }

  /// A time as `20150830T123600Z`.
  static func basic(_ time: Timestamp) -> String {
    String(time.description.prefix { $0 != "." }.filter { $0 != "-" && $0 != ":" }) + "Z"
  }
}
