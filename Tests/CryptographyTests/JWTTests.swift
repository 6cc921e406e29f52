import RoostCore
import Testing

@testable import Cryptography

@Suite struct JWTTests {
  private static let key = HMACKey([UInt8](repeating: 1, count: 32))
  private static let now = Timestamp(milliseconds: 1_800_000_000_500)
  private let codec = JWTTests.codec()

  private static func codec(
    type: String = "at+jwt", keys: [String: HMACKey] = ["k1": JWTTests.key]
  ) -> JWTCodec {
    JWTCodec(type: type, issuer: "roost", audience: "app", leewaySeconds: 5, keys: keys)
  }

  private static func claims() -> JWTClaims {
    var others = JSONObject()
    others["sid"] = "s"
    others["anon"] = true
    return JWTClaims(
      issuer: "roost", audience: "app", subject: "u", issuedAt: 1_800_000_000,
      notBefore: 1_800_000_000, expiresAt: 1_800_000_600, others: others)
  }

  /// A token put together by hand, signed with `key`.
  private static func token(
    header: String = #"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#,
    payload: String? = nil, key: HMACKey = JWTTests.key
  ) -> String {
    let payload = payload ?? String(decoding: claims().payload, as: UTF8.self)
    let signed = Base64.encode(Array(header.utf8)) + "." + Base64.encode(Array(payload.utf8))
    return signed + "." + Base64.encode(key.code(for: Array(signed.utf8)))
  }

  private func fault(_ token: String, now: Timestamp = JWTTests.now) -> JWTFault? {
    do throws(JWTFault) {
      _ = try codec.verify(token, now: now)
      return nil
    } catch {
      return error
    }
  }

  @Test func aTokenComesBackAsItWasSigned() throws {
    let token = try #require(codec.sign(JWTTests.claims(), keyID: "k1"))
    #expect(try codec.verify(token, now: JWTTests.now) == JWTTests.claims())
    #expect(codec.sign(JWTTests.claims(), keyID: "k2") == nil)
    #expect(token == JWTTests.token())
  }

  /// The example of RFC 7515, appendix A.1, whose header has no `kid`: the code alone is checked.
  @Test func theCodeIsThatOfThePublishedExample() throws {
    let secret =
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    let signed =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog"
      + "Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    let key = HMACKey(try #require(Base64.decode(secret)))
    #expect(
      Base64.encode(key.code(for: Array(signed.utf8)))
        == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
  }

  @Test(arguments: [
    (#"{"alg":"none","typ":"at+jwt","kid":"k1"}"#, JWTFault.algorithm),
    (#"{"alg":"None","typ":"at+jwt","kid":"k1"}"#, .algorithm),
    (#"{"alg":"HS512","typ":"at+jwt","kid":"k1"}"#, .algorithm),
    (#"{"alg":"RS256","typ":"at+jwt","kid":"k1"}"#, .algorithm),
    (#"{"typ":"at+jwt","kid":"k1"}"#, .algorithm),
    (#"{"alg":["HS256"],"typ":"at+jwt","kid":"k1"}"#, .algorithm),
    (#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#, .type),
    (#"{"alg":"HS256","kid":"k1"}"#, .type),
    (#"{"alg":"HS256","typ":"at+jwt","kid":"k2"}"#, .unknownKey),
    (#"{"alg":"HS256","typ":"at+jwt"}"#, .unknownKey),
    (#"{"alg":"HS256","typ":"at+jwt","kid":1}"#, .unknownKey),
    (#"{"alg":"HS256","typ":"at+jwt","kid":"k1","crit":["exp"]}"#, .critical),
    (#"{"alg":"HS256","alg":"none","typ":"at+jwt","kid":"k1"}"#, .malformed),
    (#"["HS256"]"#, .malformed),
    ("", .malformed),
  ])
  func aHeaderOfAnotherKindIsRefusedThoughItsSignatureIsRight(_ header: String, _ fault: JWTFault) {
    #expect(self.fault(JWTTests.token(header: header)) == fault)
  }

  @Test(arguments: [
    #""jku":"https://example.com/keys""#, #""x5u":"https://example.com/x""#,
    #""jwk":{"kty":"oct","k":"AAAA"}"#,
  ])
  func keysThatATokenBringsAreNeverUsed(_ member: String) {
    let header = #"{"alg":"HS256","typ":"at+jwt","kid":"k1",\#(member)}"#
    let own = HMACKey([0, 0, 0])
    #expect(fault(JWTTests.token(header: header, key: own)) == .signature)
    #expect(fault(JWTTests.token(header: header)) == nil)
  }

  @Test(
    arguments: [
      ("iss", #""other""#, JWTFault.issuer), ("iss", "1", .claims), ("iss", nil, .claims),
      ("aud", #""other""#, .audience), ("aud", #"["app","other"]"#, .claims), ("aud", nil, .claims),
      ("sub", "7", .claims), ("sub", nil, .claims),
      ("exp", #""1800000600""#, .claims), ("exp", nil, .claims),
      ("exp", "1e300", .claims), ("exp", "-9223372036854775808", .expired),
      ("nbf", "1800000006", .notYetValid), ("nbf", "9223372036854775807", .notYetValid),
      ("nbf", nil, .claims),
      ("iat", "1800000006", .notYetValid), ("iat", "1.5", .claims), ("iat", nil, .claims),
    ] as [(String, String?, JWTFault)])
  func eachClaimIsChecked(_ name: String, _ value: String?, _ fault: JWTFault) throws {
    var payload = try #require(try JSON.parse(JWTTests.claims().payload).object)
    payload[name] = try value.map { try JSON.parse(text: $0) }
    #expect(self.fault(JWTTests.token(payload: JSON.object(payload).text)) == fault)
  }

  @Test func aTokenThatExpiresBeforeItIsIssuedIsRefused() {
    var claims = JWTTests.claims()
    claims.expiresAt = claims.issuedAt - 1
    let payload = String(decoding: claims.payload, as: UTF8.self)
    #expect(fault(JWTTests.token(payload: payload)) == .claims)
  }

  /// Seconds after 1,800,000,000; the leeway is 5 on either side.
  @Test(
    arguments: [
      (-6, JWTFault.notYetValid), (-5, nil), (0, nil), (599, nil), (604, nil), (605, .expired),
      (100_000, .expired),
    ] as [(Int64, JWTFault?)])
  func timeIsJudgedWithASmallLeeway(_ seconds: Int64, _ fault: JWTFault?) {
    let now = Timestamp(milliseconds: (1_800_000_000 + seconds) * 1000)
    #expect(self.fault(JWTTests.token(), now: now) == fault)
  }

  @Test func everyAlteredCharacterIsNoticed() {
    let token = Array(JWTTests.token().utf8)
    for index in token.indices where token[index] != UInt8(ascii: ".") {
      var altered = token
      altered[index] = altered[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(fault(String(decoding: altered, as: UTF8.self)) != nil, "at \(index)")
    }
  }

  @Test func malformedTokensAreRefused() {
    let token = JWTTests.token()
    let parts = token.split(separator: ".")
    for text in [
      "", ".", "..", "a.b", "a.b.c.d", token + "=", token + ".", " " + token, token + "\n",
      "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1])", String(repeating: "A", count: 5000),
    ] {
      #expect(fault(text) != nil, "\(text)")
    }
    // A signature cut to half its length is another one, not a weaker one.
    #expect(fault("\(parts[0]).\(parts[1]).\(parts[2].prefix(22))") != nil)
  }

  @Test func aRetiredKeyVerifiesWhileItIsKept() throws {
    let old = try #require(codec.sign(JWTTests.claims(), keyID: "k1"))
    let both = JWTTests.codec(keys: ["k1": JWTTests.key, "k2": HMACKey([2])])
    #expect(throws: Never.self) { try both.verify(old, now: JWTTests.now) }
    let rotated = JWTTests.codec(keys: ["k2": HMACKey([2])])
    #expect(throws: JWTFault.unknownKey) { try rotated.verify(old, now: JWTTests.now) }
    let swapped = JWTTests.codec(keys: ["k1": HMACKey([2])])
    #expect(throws: JWTFault.signature) { try swapped.verify(old, now: JWTTests.now) }
  }
}
