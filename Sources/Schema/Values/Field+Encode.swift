package import RoostCore

extension Field {
  /// Writes a stored value as JSON: DateTime in RFC 3339 with milliseconds, Duration in ISO 8601,
  /// Money as an integer, Int64 as a string beyond 2^53, references as their ids.
  package func encode(_ value: FieldValue, into writer: inout JSONWriter) {
    switch value {
    case .null: writer.null()
    case .bool(let value): writer.bool(value)
    case .double(let value): writer.double(value)
    case .text(let value): writer.string(value)
    case .uuid(let value): writer.uuid(value)
    case .int(let value):
      switch type {
      case .dateTime: writer.timestamp(Timestamp(milliseconds: value))
      case .duration: writer.duration(CalendarDuration(milliseconds: value))
      case .int64: Field.writeInt64(value, into: &writer)
      default: writer.int(value)
      }
    case .json(let value):
      guard isList, case .int64 = type, case .array(let elements) = value else {
        return writer.value(value)
      }
      writer.beginArray()
      for element in elements {
        if case .int(let value) = element {
          Field.writeInt64(value, into: &writer)
        } else {
          writer.value(element)
        }
      }
      writer.endArray()
    }
  }

  private static func writeInt64(_ value: Int64, into writer: inout JSONWriter) {
    if value.magnitude > UInt64(FieldType.exactIntegers) {
      writer.string(String(value))
    } else {
      writer.int(value)
    }
  }
}
