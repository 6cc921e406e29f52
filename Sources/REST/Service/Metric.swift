/// One figure for Prometheus, in its text format.
package struct Metric: Sendable {
  package enum Kind: String, Sendable { case counter, gauge }

  /// With the unit as its last word, such as `roost_http_requests_total`.
  package let name: String
  package let help: String
  package let kind: Kind
  /// The values, each with its labels.
  package let samples: [(labels: [(String, String)], value: Double)]

  package init(
    _ name: String, _ kind: Kind, _ help: String,
    samples: [(labels: [(String, String)], value: Double)]
  ) {
    self.name = name
    self.kind = kind
    self.help = help
    self.samples = samples
  }

  package init(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
    self.init(name, kind, help, samples: [([], value)])
  }

  /// The exposition of all `metrics`.
  static func render(_ metrics: [Metric]) -> String {
    var text = ""
    for metric in metrics {
      text +=
        "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
      for sample in metric.samples {
        let labels = sample.labels.map { "\($0.0)=\"\(escape($0.1))\"" }.joined(separator: ",")
        let value =
          Int64(exactly: sample.value).map { String($0) } ?? sample.value.description
        text += "\(metric.name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
      }
    }
    return text
  }

  private static func escape(_ label: String) -> String {
    var text = ""
    for character in label {
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.append(character)
      }
    }
    return text
  }
}
