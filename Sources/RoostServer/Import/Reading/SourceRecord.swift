package import RoostCore

/// One record of an imported file.
package struct SourceRecord: Sendable {
  package enum Content: Sendable, Equatable {
    /// The texts of a CSV or TSV record, one for each column of the header.
    case columns([String])
    /// The same of an export, which tells null from an empty text.
    case cells([String?])
    /// The members of a JSON object.
    case members(JSONObject)
    /// Not a record of the format, and why.
    case broken(code: String, message: String)
  }

  package let span: SourceSpan
  package let content: Content
}

/// Where a record lies in its file.
package struct SourceSpan: Sendable, Equatable {
  /// The record's first line, from 1.
  package let line: Int
  /// Its first byte.
  package let offset: Int64
  /// Its bytes, line end included.
  package let byteCount: Int64
}
