import RoostCore

extension FieldType {
  /// Reads `{"lat": degrees, "lon": degrees}`.
  static func geoPoint(_ json: JSON) -> Result<FieldValue, DecodeFault> {
    guard case .object(let object) = json else {
      return .failure(.mismatch("an object {\"lat\", \"lon\"}", json))
    }
    if let fault = unknownMember(object, ["lat", "lon"]) { return .failure(fault) }
    var degrees: [Double] = []
    for (key, limit) in [("lat", 90.0), ("lon", 180.0)] {
      guard let member = object[key] else { return .failure(missing(key)) }
      guard let value = member.double else {
        return .failure(at(key, .mismatch("a number of degrees", member)))
      }
      guard value.magnitude <= limit else {
        let bound = Int(limit)
        return .failure(at(key, .range("must lie between -\(bound) and \(bound) degrees")))
      }
      degrees.append(value + 0)
    }
    let members: [(key: String, value: JSON)] = [
      ("lat", .double(degrees[0])), ("lon", .double(degrees[1])),
    ]
    return .success(.json(.object(JSONObject(uniqueMembers: members))))
  }

  /// Reads `{"sha256": 64 hexadecimal digits, "size": bytes, "mime": "type/subtype"}`.
  static func file(_ json: JSON) -> Result<FieldValue, DecodeFault> {
    guard case .object(let object) = json else {
      return .failure(.mismatch("an object {\"sha256\", \"size\", \"mime\"}", json))
    }
    if let fault = unknownMember(object, ["sha256", "size", "mime"]) { return .failure(fault) }
    guard let hash = object["sha256"] else { return .failure(missing("sha256")) }
    guard case .string(let digits) = hash, let hash = hexadecimal(digits) else {
      return .failure(at("sha256", .type("must be the 64 hexadecimal digits of a SHA-256")))
    }
    guard let length = object["size"] else { return .failure(missing("size")) }
    guard let size = length.int else {
      return .failure(at("size", .type("must be a whole number of bytes")))
    }
    guard size >= 0, size <= exactIntegers else {
      return .failure(at("size", .range("must be a number of bytes from 0 to 2^53")))
    }
    guard let type = object["mime"] else { return .failure(missing("mime")) }
    guard case .string(let mime) = type, isMediaType(mime) else {
      return .failure(at("mime", .type("must be a media type such as image/png")))
    }
    let members: [(key: String, value: JSON)] = [
      ("sha256", .string(hash)), ("size", .int(size)), ("mime", .string(mime)),
    ]
    return .success(.json(.object(JSONObject(uniqueMembers: members))))
  }

  private static func at(_ key: String, _ fault: DecodeFault) -> DecodeFault {
    DecodeFault(code: fault.code, predicate: "(\(key)) \(fault.predicate)", path: "/\(key)")
  }

  private static func missing(_ key: String) -> DecodeFault {
    DecodeFault(code: "required", predicate: "needs its \(key)", path: "/\(key)")
  }

  private static func unknownMember(_ object: JSONObject, _ known: [String]) -> DecodeFault? {
    for (key, _) in object where !known.contains(key) {
      let hint = didYouMean(key, among: known)
      return DecodeFault(
        code: "type",
        predicate: "holds \(known.joined(separator: ", ")) only, not \(key.excerpt)\(hint)",
        path: "/" + JSONPointer.escape(key.excerpt))
    }
    return nil
  }

  /// The digits in lower case, or nil when they are not 64 hexadecimal ones.
  private static func hexadecimal(_ digits: String) -> String? {
    guard digits.utf8.count == 64 else { return nil }
    var isLower = true
    for byte in digits.utf8 {
      switch byte {
      case 48...57, 97...102: continue
      case 65...70: isLower = false
      default: return nil
      }
    }
    return isLower ? digits : digits.lowercased()
  }

  /// `type/subtype` of RFC 9110 tokens, at most 127 bytes, without parameters.
  private static func isMediaType(_ text: String) -> Bool {
    guard text.utf8.count <= 127 else { return false }
    var parts = 1
    var length = 0
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "/"):
        guard length > 0, parts == 1 else { return false }
        parts = 2
        length = 0
      case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"),
        UInt8(ascii: "&"), UInt8(ascii: "^"):
        length += 1
      default: return false
      }
    }
    return parts == 2 && length > 0
  }
}
