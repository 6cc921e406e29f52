package import RoostCore

/// How a value of one type becomes a value of another.
///
/// What may be asked for by changing a field's type in a schema is a short list, in which each
/// conversion says what it means: whole numbers into larger ones, anything that is one value into
/// text, and text into what can be read from it. The way back, which a rollback and clients of an
/// older schema go, tries whatever can be read and says where it cannot.
package struct ValueConversion: Sendable {
  /// What a conversion asks of the rows.
  package enum Work: Sendable {
    /// What is stored is a value of the new type as it stands.
    case nothing
    /// What is stored stays, where it is a value of the new type.
    case check
    /// Each value is written anew.
    case rewrite
  }

  package let old: Field
  package let new: Field

  package init(from old: Field, to new: Field) {
    self.old = old
    self.new = new
  }

  /// What the rows need; nil where no conversion from the one type to the other is stated.
  package var work: Work? {
    guard !old.isList, !new.isList else { return listWork }
    return ValueConversion.work(old.type, new.type)
  }

  private var listWork: Work? {
    guard old.isList, new.isList else { return nil }
    if old.type == new.type { return new.elementsAreRequired ? .check : .nothing }
    // Elements stand in JSON, so that nothing but text stays as it is.
    guard let work = ValueConversion.work(old.type, new.type) else { return nil }
    return old.type.isStoredAsText && new.type.isStoredAsText
      ? (work == .nothing ? .nothing : .check) : .rewrite
  }

  private static func work(_ old: FieldType, _ new: FieldType) -> Work? {
    if old == new { return .nothing }
    switch (old, new) {
    case (.enumeration(_, let before), .enumeration(_, let after)):
      return Set(before).isSubset(of: after) ? .nothing : .check
    case (.int, .int64): return .nothing
    case (.int, .float), (.int64, .float): return .rewrite
    case (_, .string) where old.isStoredAsText: return .nothing
    case (_, .string): return .rewrite
    case (.string, _) where new.isStoredAsText: return .check
    case (.string, .int), (.string, .int64), (.string, .float), (.string, .money),
      (.string, .boolean), (.string, .dateTime), (.string, .duration):
      return .rewrite
    default: return nil
    }
  }

  /// The value in the new type; the issue's pointer is the field.
  ///
  /// Checks the type alone: the constraints of the new field are `validate`'s.
  package func convert(_ value: FieldValue) -> Result<FieldValue, FieldIssue> {
    if case .null = value { return .success(.null) }
    var writer = JSONWriter(capacity: 64)
    old.encode(value, into: &writer)
    guard let json = try? JSON.parse(writer.bytes) else {
      return .failure(
        FieldIssue(
          pointer: "/" + new.name, code: "type", message: "\(new.name) cannot be read any more."))
    }
    return new.decode(convert(json), pointer: "/" + new.name)
  }

  /// The JSON of a value of the old type, in the form that the new type reads.
  package func convert(_ json: JSON) -> JSON {
    if old.isList, new.isList, case .array(let elements) = json {
      return .array(elements.map { ValueConversion.bridge($0, old.type, new.type) })
    }
    return ValueConversion.bridge(json, old.type, new.type)
  }

  private static func bridge(_ json: JSON, _ old: FieldType, _ new: FieldType) -> JSON {
    if json.isNull || old == new { return json }
    if new.isWrittenAsText {
      if case .string = json { return json }
      return .string(json.text)
    }
    guard case .string(let text) = json else {
      // A number with a fraction has no whole one: the decoder says so.
      return json
    }
    switch new {
    case .boolean: return text == "true" ? true : text == "false" ? false : json
    case .int, .money: return Int64(text).map { .int($0) } ?? json
    case .int64: return json
    case .float: return number(text) ?? json
    default: return (try? JSON.parse(Array(text.utf8))) ?? json
    }
  }

  /// A number as JSON writes it: `+1`, `0x10` and `inf` are none.
  private static func number(_ text: String) -> JSON? {
    guard let json = try? JSON.parse(Array(text.utf8)), json.double != nil else { return nil }
    return json
  }
}

extension FieldType {
  /// Stored as the text that it is on the wire.
  var isStoredAsText: Bool {
    switch self {
    case .string, .id, .email, .url, .date, .enumeration: true
    default: false
    }
  }

  /// A string on the wire.
  var isWrittenAsText: Bool {
    switch self {
    case .dateTime, .duration, .reference, .user: true
    default: isStoredAsText
    }
  }
}
