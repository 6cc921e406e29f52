package import RoostCore

extension Field {
  /// Reads the JSON of a request as a value of this field, in the form in which it is stored.
  ///
  /// Checks the type only; `validate` checks the constraints. Null is `.null` where the field
  /// allows it. The issue's pointer is `pointer`, or below it for an element of a list or a
  /// member of an object. Codes: `required`, `type`, `range`, `enum`.
  package func decode(_ json: JSON, pointer: String) -> Result<FieldValue, FieldIssue> {
    if case .null = json {
      return isRequired ? .failure(issue(.required, pointer, nil)) : .success(.null)
    }
    guard isList else {
      switch type.decode(json) {
      case .success(let value): return .success(value)
      case .failure(let fault): return .failure(issue(fault, pointer, nil))
      }
    }
    guard case .array(let elements) = json else {
      return .failure(issue(.mismatch("a list", json), pointer, nil))
    }
    var values: [JSON] = []
    values.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      if case .null = element {
        if elementsAreRequired { return .failure(issue(.null, pointer, index)) }
        values.append(.null)
        continue
      }
      switch type.decode(element) {
      case .success(let value): values.append(type.canonicalElement(value))
      case .failure(let fault): return .failure(issue(fault, pointer, index))
      }
    }
    return .success(.json(.array(values)))
  }

  private func issue(_ fault: DecodeFault, _ pointer: String, _ index: Int?) -> FieldIssue {
    let item = index.map { "/\($0)" } ?? ""
    let subject = index.map { "\(name), item \($0 + 1)," } ?? name
    return FieldIssue(
      pointer: pointer + item + fault.path, code: fault.code,
      message: "\(subject) \(fault.predicate)" + (fault.predicate.hasSuffix("?") ? "" : "."))
  }
}

extension FieldType {
  /// The largest integer up to which every integer has its own double: 2^53.
  static let exactIntegers: Int64 = 1 << 53

  /// Reads a value that is not null.
  func decode(_ json: JSON) -> Result<FieldValue, DecodeFault> {
    switch self {
    case .boolean:
      guard case .bool(let value) = json else {
        return .failure(.mismatch("true or false", json))
      }
      return .success(.bool(value))
    case .int: return FieldType.int(json)
    case .int64: return FieldType.int64(json)
    case .money: return FieldType.money(json)
    case .float:
      guard let value = json.double else { return .failure(.mismatch("a number", json)) }
      guard value.isFinite else { return .failure(.range("is not a finite number")) }
      // Adding zero turns -0 into 0.
      return .success(.double(value + 0))
    case .json:
      if let fault = JSONMeasure.fault(in: json) { return .failure(fault) }
      return .success(.json(json))
    case .geoPoint: return FieldType.geoPoint(json)
    case .file: return FieldType.file(json)
    default:
      guard case .string(let text) = json else { return .failure(.mismatch(words, json)) }
      return decode(text: text)
    }
  }

  /// Reads the types that are strings in JSON.
  private func decode(text: String) -> Result<FieldValue, DecodeFault> {
    switch self {
    case .enumeration(_, let values):
      if values.contains(text) { return .success(.text(text)) }
      let list = values.count <= 12 ? values.joined(separator: ", ") : "the values of \(words)"
      return .failure(
        DecodeFault(
          code: "enum",
          predicate: "must be one of \(list)\(didYouMean(text, among: values))"))
    case .date:
      guard CalendarDate(text) != nil else {
        return .failure(.type("must be a date such as 2026-01-31"))
      }
      return .success(.text(text))
    case .dateTime:
      guard let time = Timestamp(text) else {
        return .failure(.type("must be a time in RFC 3339 such as 2026-01-31T20:00:00Z"))
      }
      return .success(.int(time.milliseconds))
    case .duration:
      guard let duration = CalendarDuration(text) else {
        return .failure(
          .type("must be an ISO 8601 duration in days or smaller units such as PT45M"))
      }
      return .success(.int(duration.milliseconds))
    case .reference, .user:
      guard let id = UUID(text) else { return .failure(.type("must be \(words)")) }
      return .success(.uuid(id))
    case .email:
      guard EmailAddress.isValid(text) else {
        return .failure(.type("must be an e-mail address such as ada@example.org"))
      }
      return .success(.text(text))
    case .url:
      guard WebAddress.isValid(text) else {
        return .failure(
          .type("must be an absolute http or https address of at most 2048 bytes"))
      }
      return .success(.text(text))
    default:
      return text.holdsNUL ? .failure(.nulCharacter) : .success(.text(text))
    }
  }

  /// The form of an element inside the JSON of a list: what the value is on the wire, but integers
  /// stay numbers of 64 bits.
  func canonicalElement(_ value: FieldValue) -> JSON {
    switch value {
    case .null: .null
    case .bool(let value): .bool(value)
    case .double(let value): .double(value)
    case .text(let value): .string(value)
    case .uuid(let value): .string(value.description)
    case .json(let value): value
    case .int(let value):
      switch self {
      case .dateTime: .string(Timestamp(milliseconds: value).description)
      case .duration: .string(CalendarDuration(milliseconds: value).description)
      default: .int(value)
      }
    }
  }
}

extension FieldType {
  private static func int(_ json: JSON) -> Result<FieldValue, DecodeFault> {
    switch whole(json) {
    case .failure(let fault): return .failure(fault)
    case .success(let value):
      guard let value, Int32(exactly: value) != nil else {
        return .failure(
          .range("must lie between -2147483648 and 2147483647"))
      }
      return .success(.int(value))
    }
  }

  private static func int64(_ json: JSON) -> Result<FieldValue, DecodeFault> {
    if case .string(let text) = json {
      guard let isWhole = decimal(text) else {
        return .failure(.type("must be a whole number, or its decimal digits as a string"))
      }
      return isWhole.map { .success(.int($0)) } ?? .failure(outside64)
    }
    return whole(json).flatMap { $0.map { .success(.int($0)) } ?? .failure(outside64) }
  }

  private static func money(_ json: JSON) -> Result<FieldValue, DecodeFault> {
    switch json {
    case .int(let value): return .success(.int(value))
    case .double(let value) where value.rounded() != value:
      return .failure(
        .type("must be a whole number of minor units (1250 for 12.50)"))
    case .double:
      return whole(json).flatMap { $0.map { .success(.int($0)) } ?? .failure(outside64) }
    default: return .failure(.mismatch("a whole number of minor units", json))
    }
  }

  private static let outside64 = DecodeFault.range(
    "must be a whole number of 64 bits; write large ones in digits, without exponent or fraction")

  /// A whole number; nil inside when it is whole, but not exactly one of 64 bits.
  private static func whole(_ json: JSON) -> Result<Int64?, DecodeFault> {
    switch json {
    case .int(let value): return .success(value)
    case .double(let value):
      guard value.rounded() == value else {
        return .failure(.type("must be a whole number, without a fraction"))
      }
      // Beyond 2^53 a double may stand for a neighbour of what was written.
      guard value.magnitude <= Double(exactIntegers) else { return .success(nil) }
      return .success(Int64(exactly: value))
    default: return .failure(.mismatch("a whole number", json))
    }
  }

  /// The number in decimal digits: nil when the text is none, nil inside when it is too large.
  private static func decimal(_ text: String) -> Int64?? {
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return .some(Int64(text))
  }
}
