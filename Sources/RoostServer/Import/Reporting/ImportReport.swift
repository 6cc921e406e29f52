package import RoostCore

/// A line that was not imported, and why.
package struct RefusedLine: Sendable, Equatable {
  package let line: Int
  package let issues: [FieldIssue]

  /// `artists.tsv:12: /name max: name is too long`, an issue a line.
  package func text(path: String) -> String {
    issues.map { issue in
      let pointer = issue.pointer.isEmpty ? "" : issue.pointer + " "
      return "\(path):\(line): \(pointer)\(issue.code): \(issue.message)"
    }.joined(separator: "\n")
  }
}

/// What an import came to.
package struct ImportReport: Sendable {
  /// How many refused lines are kept in `refusedLines`.
  package static let keptLines = 20

  package let input: String
  /// The collection, or `accounts`.
  package let target: String
  /// Records of the file, the refused ones included.
  package var rows = 0
  package var imported = 0
  /// Lines whose record was there already.
  package var unchanged = 0
  package var refused = 0
  /// Accounts made because records needed them, or named by the file.
  package var accountsMade = 0
  /// Lines with times that lay ahead of the clock, and became those of the import; of this run alone.
  package var timesReplaced = 0
  package var bytes: Int64 = 0
  package var seconds: Double = 0
  /// The first refused lines.
  package var refusedLines: [RefusedLine] = []
  /// Why the import stopped before the end; what `imported` counts is stored nevertheless.
  package private(set) var failure: String?
  /// The same for programs, such as `disk_full`.
  package private(set) var code: String?

  package init(input: String, target: String) {
    self.input = input
    self.target = target
  }

  /// Counts a record as refused that was taken out again.
  mutating func withdraw(_ line: RefusedLine) {
    imported -= 1
    refused += 1
    if refusedLines.count < ImportReport.keptLines { refusedLines.append(line) }
  }

  /// Notes why it stopped; what was noted first stays.
  mutating func stop(_ error: any Error) {
    guard failure == nil else { return }
    failure = ImportJob.reason(error)
    code = ImportJob.code(error)
  }

  /// 0 when every line is stored, 3 when some were refused, 1 when the import stopped.
  package var exitStatus: Int32 { failure != nil ? 1 : refused > 0 ? 3 : 0 }

  package var rowsPerSecond: Double { seconds > 0 ? Double(rows) / seconds : 0 }

  /// The first refused lines, each with its reasons.
  package var reasons: String {
    var text = refusedLines.map { $0.text(path: input) }.joined(separator: "\n")
    if refused > refusedLines.count {
      text += "\n… and \(refused - refusedLines.count) more refused lines"
    }
    return text
  }

  /// The result in one line for people.
  package var summary: String {
    var text = "\(input): \(Count.text(rows)) lines read, \(Count.text(imported)) imported"
    text += " into \(target), \(Count.text(unchanged)) already there"
    text += ", \(Count.text(refused)) refused"
    if target != "accounts", accountsMade > 0 {
      text += ", \(Count.text(accountsMade)) accounts made"
    }
    if timesReplaced > 0 {
      text +=
        ", \(Count.text(timesReplaced)) with times ahead of the clock, which are now those of the"
      text += " import,"
    }
    text += " in \(Count.seconds(seconds)) s (\(Count.text(Int(rowsPerSecond))) lines/s)"
    if let failure { text += "\n\(input): stopped: \(failure) [\(code ?? "")]" }
    return text
  }

  /// The result for programs.
  package var json: JSON {
    var object: JSON = [
      "input": .string(input), "target": .string(target), "rows": .int(Int64(rows)),
      "imported": .int(Int64(imported)), "unchanged": .int(Int64(unchanged)),
      "refused": .int(Int64(refused)), "accountsMade": .int(Int64(accountsMade)),
      "timesReplaced": .int(Int64(timesReplaced)),
      "bytes": .int(bytes), "seconds": .double((seconds * 1000).rounded() / 1000),
      "exitStatus": .int(Int64(exitStatus)),
      "refusedLines": .array(refusedLines.map { RefusedLines.json($0) }),
    ]
    if let failure, var members = object.object {
      members["code"] = code.map { .string($0) } ?? .null
      members["failure"] = .string(failure)
      object = .object(members)
    }
    return object
  }
}

extension ImportFault {
  /// The result for programs of an input that was not taken in at all.
  package func json(of input: String) -> JSON {
    [
      "input": .string(input), "exitStatus": .int(Int64(exitStatus)),
      "code": .string(ImportJob.code(self)), "failure": .string(message),
    ]
  }
}

/// Numbers as people read them.
enum Count {
  /// `92846` as `92,846`.
  static func text(_ value: Int) -> String {
    let digits = Array(String(value.magnitude).utf8)
    var bytes: [UInt8] = value < 0 ? [UInt8(ascii: "-")] : []
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { bytes.append(UInt8(ascii: ",")) }
      bytes.append(digit)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Seconds with one digit after the point.
  static func seconds(_ value: Double) -> String {
    let tenths = Int(exactly: (max(0, value) * 10).rounded()) ?? 0
    return "\(tenths / 10).\(tenths % 10)"
  }

  /// Seconds as `0:05`, `12:30` or `2:00:00`.
  static func clock(_ value: Double) -> String {
    let total = Int(exactly: max(0, value).rounded()) ?? 0
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    if total >= 3600 { return "\(total / 3600):\(two(total / 60 % 60)):\(two(total % 60))" }
    return "\(total / 60):\(two(total % 60))"
  }
}
