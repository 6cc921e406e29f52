import RoostCore

@testable import SyncProtocol

enum FrameVectors {
  /// Requests that are refused as a whole.
  static let refused: [(text: String, code: String, pointer: String)] = {
    let cid = IdentityVectors.client.description
    let chain = String(repeating: "0", count: 32)
    let clock = "018bcfe568000003-" + cid
    func push(_ muts: String) -> String {
      "{\"frame\":\"push\",\"cid\":\"\(cid)\",\"lane\":\"LIVE\",\"muts\":\(muts)}"
    }
    func mutation(_ seq: Int, _ rest: String = "") -> String {
      "{\"seq\":\(seq),\"nonce\":\"0000000000000001\",\"prev\":\"\(chain)\",\"chain\":\"\(chain)\","
        + "\"hlc\":\"\(clock)\",\"schema\":\"1.0.0\",\"ops\":[]\(rest)}"
    }
    return [
      ("{", "syntax", "/0"), ("[]", "type", "/0"), ("{}", "required", "/0/frame"),
      ("{\"frame\":\"shout\"}", "unknown_frame", "/0/frame"),
      ("{\"frame\":\"more\",\"page\":1}\n{\"frame\":\"shout\"}", "unknown_frame", "/1/frame"),
      ("{\"frame\":\"hello\"}", "required", "/0/wall"),
      (
        "{\"frame\":\"hello\",\"cid\":\"\(cid.uppercased())\",\"schema\":\"1.0.0\",\"wall\":1}",
        "type", "/0/cid"
      ),
      (
        "{\"frame\":\"hello\",\"cid\":\"\(cid)\",\"schema\":\"1.0.0\",\"wall\":1,\"streams\":{\"x\":1}}",
        "type", "/0/streams/x"
      ),
      (
        "{\"frame\":\"hello\",\"cid\":\"\(cid)\",\"schema\":\"1.0.0\",\"wall\":1,\"streams\":{\"7\":-1}}",
        "range", "/0/streams/7"
      ),
      (
        "{\"frame\":\"hello\",\"cid\":\"\(cid)\",\"schema\":\"1.0.0\",\"wall\":1,\"lanes\":{\"LOCAL_ONLY\":{}}}",
        "enum", "/0/lanes/LOCAL_ONLY"
      ),
      (push("[]"), "required", "/0/muts"), (push("[\(mutation(0))]"), "range", "/0/muts/0/seq"),
      (push("[\(mutation(1)),\(mutation(3))]"), "order", "/0/muts/1/seq"),
      (push("[\(mutation(1, ",\"extra\":1"))]"), "unknown_member", "/0/muts/0/extra"),
      (
        push("[\(mutation(1).replacing(clock, with: "x"))]"), "type", "/0/muts/0/hlc"
      ),
    ]
  }()

  /// Mutations that are read, keep their place, and are answered `rejected`.
  static let rejected: [(ops: String, code: String, pointer: String)] = {
    let id = IdentityVectors.row.description
    return [
      ("[]", "type", "/muts/0/ops"), ("[{}]", "required", "/muts/0/ops/0/kind"),
      ("[{\"kind\":\"upsert\"}]", "unknown_kind", "/muts/0/ops/0/kind"),
      (
        "[{\"kind\":\"delete\",\"coll\":\"goals\",\"id\":\"7\"}]", "type", "/muts/0/ops/0/id"
      ),
      (
        "[{\"kind\":\"delete\",\"coll\":\"goals\",\"id\":\"\(id)\",\"args\":{}}]", "unknown_member",
        "/muts/0/ops/0/args"
      ),
      (
        "[{\"kind\":\"create\",\"coll\":\"goals\",\"id\":\"\(id)\",\"args\":[]}]", "type",
        "/muts/0/ops/0/args"
      ),
      (
        "[{\"kind\":\"update\",\"coll\":\"goals\",\"id\":\"\(id)\",\"args\":{},\"base\":{\"a\":1}}]",
        "type", "/muts/0/ops/0/base/a"
      ),
      (
        "[{\"kind\":\"resolve\",\"id\":\"\(id)\",\"args\":{\"choose\":\"both\"}}]", "type",
        "/muts/0/ops/0/args"
      ),
    ]
  }()

  static let frames: JSON = [
    "frames": .array(
      FrameTests.all.map { frame in
        (try? JSON.parse(frame.encoded, maxDepth: 48)) ?? .null
      }),
    "refused": .array(
      refused.map { text, code, pointer in
        ["text": .string(text), "code": .string(code), "pointer": .string(pointer)]
      }),
    "rejected": .array(
      rejected.map { ops, code, pointer in
        ["ops": .string(ops), "code": .string(code), "pointer": .string(pointer)]
      }),
  ]

  static let digest: JSON = {
    var rows: [JSON] = []
    var digests = [0, 1, 3].map { RangeDigest(bits: $0) }
    for index in 0..<10 {
      let id = UUID(high: 0x0198_AB00_0000_7000, low: 0x8000_0000_0000_0000 + UInt64(index * 3))
      let seq = Int64(index) + 100
      for place in digests.indices { digests[place].add("goals", id, seq: seq) }
      rows.append([
        "coll": "goals", "id": .string(id.description), "seq": .int(seq),
        "leaf": .string(Digits.hexadecimal(RangeDigest.leaf("goals", id, seq: seq))),
      ])
    }
    return [
      "entries": .array(rows),
      "digests": .array(
        digests.map { digest in
          [
            "bits": .int(Int64(digest.bits)), "hashes": .string(HashText.encode(digest.hashes)),
          ]
        }),
      "bits": .array(
        [0, 12, 13, 24, 25, 1000, 100_000, 10_000_000].map { rows in
          ["rows": .int(Int64(rows)), "bits": .int(Int64(RangeDigest.bits(rows: rows)))]
        }),
    ]
  }()
}
