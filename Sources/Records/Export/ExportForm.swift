import RoostCore
import Rules
import Schema

/// How the rows of a collection are written by an export.
package struct ExportForm: Sendable {
  package enum Syntax: Sendable {
    /// One JSON object a line, in the form of REST.
    case jsonLines
    /// RFC 4180; null is an empty cell, an empty text is `""`.
    case csv
    /// Tabs; `\\t`, `\\n`, `\\r` and `\\\\` stand for what cannot be written, null is an empty cell, an
    /// empty text is `\\e`.
    case tsv
  }

  package enum PersonalData: String, Sendable, CaseIterable {
    case keep
    /// A value of the same type that says nothing.
    case mask
    /// No member and no column.
    case leaveOut = "leave-out"
  }

  package let collection: CompiledCollection
  package let syntax: Syntax
  package let personalData: PersonalData
  /// The members that are written, by the index of the field.
  let shown: [Int]
  let masked: FieldSet

  package init(
    _ collection: CompiledCollection, _ syntax: Syntax, personalData: PersonalData = .keep
  ) {
    self.collection = collection
    self.syntax = syntax
    self.personalData = personalData
    let personal = collection.fields.indices.filter {
      collection.fields[$0].personalData != nil
    }
    masked = personalData == .mask ? FieldSet(personal) : FieldSet()
    shown = collection.fields.indices.filter {
      personalData != .leaveOut || !personal.contains($0)
    }
  }

  /// Whether rows are written whole as they are.
  var isPlain: Bool {
    if case .jsonLines = syntax {
      shown.count == collection.fields.count && masked == FieldSet()
    } else {
      false
    }
  }

  /// The names of the columns, in their order.
  package var columns: [String] {
    ["id", "version", "createdAt", "updatedAt"] + shown.map { collection.fields[$0].name }
  }

  /// The first line of a file, with its end; nil for JSON Lines.
  package var header: [UInt8]? {
    switch syntax {
    case .jsonLines: nil
    case .csv: Array((columns.joined(separator: ",") + "\r\n").utf8)
    case .tsv: Array((columns.joined(separator: "\t") + "\n").utf8)
    }
  }
}
