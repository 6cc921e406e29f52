import RoostCore
import RoostServer
import Testing

@Suite("Signatures of functions")
struct FunctionSignerTests {
  // The example of the specification of Standard Webhooks.
  private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private static let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
  private static let seconds: Int64 = 1_614_265_330
  private static let body = Array(#"{"test": 2432232314}"#.utf8)
  private static let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
  private static let other = "a key that is just a text of 24 bytes"

  private func signer(_ secrets: String...) throws -> FunctionSigner {
    try #require(FunctionSigner(secrets.map { Secret($0) }))
  }

  private func fault(
    _ signer: FunctionSigner, id: String? = id, timestamp: String? = "\(seconds)",
    signature: String? = signature, body: [UInt8] = body, at: Int64 = seconds
  ) -> String? {
    signer.fault(
      id: id, timestamp: timestamp, signature: signature, body: body,
      expecting: FunctionSignerTests.id, now: Timestamp(milliseconds: at * 1000))
  }

  @Test("A signature is that of the specification")
  func vector() throws {
    let signer = try signer(Self.secret)
    #expect(
      signer.signatures(id: Self.id, seconds: Self.seconds, body: Self.body) == Self.signature)
    #expect(fault(signer) == nil)
  }

  @Test("With several keys each signs, and each is accepted")
  func rotation() throws {
    let both = try signer(Self.other, Self.secret)
    let signatures = both.signatures(id: Self.id, seconds: Self.seconds, body: Self.body)
      .split(separator: " ").map(String.init)
    #expect(signatures.count == 2)
    #expect(signatures.last == Self.signature)
    for secret in [Self.other, Self.secret] {
      #expect(fault(try signer(secret), signature: signatures.joined(separator: " ")) == nil)
    }
    #expect(fault(both) == nil)
    #expect(fault(try signer(Self.other)) != nil)
  }

  @Test("What was changed, or is of another time, is told apart")
  func faults() throws {
    let signer = try signer(Self.secret)
    #expect(fault(signer, id: nil) != nil)
    #expect(fault(signer, id: "msg_other")?.contains("another call") == true)
    #expect(fault(signer, timestamp: "now") != nil)
    #expect(fault(signer, timestamp: "-1") != nil)
    #expect(fault(signer, timestamp: "9223372036854775807") != nil)
    #expect(fault(signer, timestamp: "\(Self.seconds + 1)") != nil)
    #expect(fault(signer, signature: "") != nil)
    #expect(fault(signer, signature: "v2" + Self.signature.dropFirst(2)) != nil)
    #expect(fault(signer, signature: "v1,AAAA") != nil)
    #expect(fault(signer, body: Self.body + [0x20]) != nil)
    #expect(fault(signer, signature: "v1,AAAA \(Self.signature)") == nil)
  }

  @Test(
    "Clocks may be five minutes apart and no more",
    arguments: [
      (-300, true), (300, true), (-301, false), (301, false), (100_000, false),
    ])
  func tolerance(_ apart: Int64, _ isAccepted: Bool) throws {
    #expect((fault(try signer(Self.secret), at: Self.seconds + apart) == nil) == isAccepted)
  }

  @Test(
    "A key that could be guessed, or is not what it says, is none",
    arguments: [
      "", "short", String(repeating: "x", count: 23), "whsec_", "whsec_AAAA", "whsec_!!!!",
      "whsec_" + String(repeating: "A", count: 30),
    ])
  func weak(_ secret: String) {
    #expect(FunctionSigner([Secret(secret)]) == nil)
    #expect(FunctionSigner([Secret(Self.secret), Secret(secret)]) == nil)
  }

  @Test("A key of 24 bytes is enough, in either form")
  func enough() {
    #expect(FunctionSigner([Secret(String(repeating: "x", count: 24))]) != nil)
    #expect(FunctionSigner([Secret("whsec_" + String(repeating: "A", count: 32))]) != nil)
    #expect(FunctionSigner([]) == nil)
  }
}
