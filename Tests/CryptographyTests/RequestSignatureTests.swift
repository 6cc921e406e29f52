import Testing

@testable import Cryptography

/// Cases of the test suite that AWS published for Signature Version 4 (`aws-sig-v4-test-suite`).
@Suite struct RequestSignatureTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let method: String
    var headers: [String: String] = [:]
    var body = ""
    let signature: String
    var testDescription: String { name }
  }

  private static let time = "20150830T123600Z"

  @Test(arguments: [
    Case(
      name: "get-vanilla", method: "GET",
      signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    Case(
      name: "post-vanilla", method: "POST",
      signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    Case(
      name: "post-x-www-form-urlencoded", method: "POST",
      headers: ["content-type": "application/x-www-form-urlencoded"], body: "Param1=value1",
      signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
  ])
  func aPublishedRequestIsSignedAsPublished(_ published: Case) {
    let signer = RequestSignature(
      accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      region: "us-east-1", service: "service")
    var headers = [("host", "example.amazonaws.com"), ("x-amz-date", RequestSignatureTests.time)]
    for (name, value) in published.headers { headers.append((name, value)) }
    let field = signer.authorization(
      published.method, path: "/", headers: headers.map { (name: $0.0, value: $0.1) },
      body: Array(published.body.utf8), time: RequestSignatureTests.time)
    let names = headers.map(\.0).sorted().joined(separator: ";")
    #expect(
      field == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        + "SignedHeaders=\(names), Signature=\(published.signature)")
    #expect("\(signer)" == "<redacted>")
  }
}
