package import Records
package import RoostCore

/// How far an export is.
package struct ExportProgress: Sendable {
  package var part = ""
  package var rows = 0
  /// About how many there are.
  package let total: Int
  package var seconds: Double = 0

  package init(total: Int) { self.total = total }

  /// `plays 40% 400,000 rows, 120,000/s, 0:05 left`.
  package var text: String {
    let fraction = total > 0 ? min(1, Double(rows) / Double(total)) : 1
    let percent = Int(exactly: (fraction * 100).rounded(.down)) ?? 0
    let rate = seconds > 0 ? Int(exactly: (Double(rows) / seconds).rounded()) ?? 0 : 0
    let left = fraction > 0 ? seconds * (1 - fraction) / fraction : 0
    return "\(part) \(percent)% \(Count.text(rows)) rows, \(Count.text(rate))/s, "
      + "\(Count.clock(left)) left"
  }
}

/// What an export came to.
package struct ExportReport: Sendable {
  package let destination: ExportDestination
  package let files: [ExportManifest.File]
  package let personalData: ExportForm.PersonalData
  package let personalFields: [ExportManifest.PersonalField]
  package let seconds: Double

  package var rows: Int { files.reduce(0) { $0 + ($1.rows ?? 0) } }

  private var place: String {
    switch destination {
    case .folder(let path), .zip(let path), .file(let path): path
    }
  }

  /// The result in one line for people.
  package var summary: String {
    let rate = seconds > 0 ? Int(clamping: Int64(Double(rows) / seconds)) : 0
    var text = "\(place): \(Count.text(rows)) rows in \(files.count) files written"
    text += " in \(Count.seconds(seconds)) s (\(Count.text(rate)) rows/s)"
    if personalData == .keep, !personalFields.isEmpty {
      text += "; it holds personal data (\(personalFields.count) fields), keep it as such"
    }
    return text
  }

  /// The result for programs.
  package var json: JSON {
    [
      "out": .string(place), "rows": .int(Int64(rows)),
      "bytes": .int(files.reduce(0) { $0 + ($1.bytes ?? 0) }),
      "seconds": .double((seconds * 1000).rounded() / 1000),
      "personalData": .string(personalData.rawValue),
      "files": .array(
        files.map {
          [
            "name": .string($0.name), "collection": $0.collection.map { .string($0) } ?? .null,
            "rows": .int(Int64($0.rows ?? 0)), "bytes": .int($0.bytes ?? 0),
            "sha256": .string($0.sha256 ?? ""),
          ]
        }),
    ]
  }
}
