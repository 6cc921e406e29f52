/// The line formats that are imported.
package enum FileFormat: String, Sendable, CaseIterable {
  /// One JSON object a line.
  case jsonLines = "jsonl"
  /// RFC 4180 with a header line: commas, quotes, doubled quotes, newlines inside quotes.
  case csv
  /// Tabs between columns, a header line, no quoting.
  case tsv

  /// The format that a file's ending names.
  package init?(path: String) {
    let name = path.split(separator: "/").last.map { $0.lowercased() } ?? ""
    if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") {
      self = .jsonLines
    } else if name.hasSuffix(".csv") {
      self = .csv
    } else if name.hasSuffix(".tsv") {
      self = .tsv
    } else {
      return nil
    }
  }
}
