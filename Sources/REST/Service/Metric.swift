/// One figure for Prometheus, in its text format.
package struct Metric: Sendable {
  package enum Kind: String, Sendable { case counter, gauge, histogram }

  /// How often something took how long: what is counted for one set of labels.
  package struct Histogram: Sendable {
    let labels: [(String, String)]
    /// Upper bounds, ascending; a last bucket without one is behind them.
    let bounds: [Double]
    /// By bucket, not added up; one more than the bounds.
    let counts: [Int]
    let sum: Double
  }

  /// With the unit as its last word, such as `roost_http_requests_total`.
  package let name: String
  package let help: String
  package let kind: Kind
  /// The values, each with its labels.
  package let samples: [(labels: [(String, String)], value: Double)]
  /// Those of a histogram, in the place of values.
  var histograms: [Histogram] = []

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

  init(_ name: String, _ help: String, histograms: [Histogram]) {
    self.init(name, .histogram, help, samples: [])
    self.histograms = histograms
  }

  /// The exposition of all `metrics`.
  static func render(_ metrics: [Metric]) -> String {
    var text = ""
    for metric in metrics {
      text +=
        "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
      for sample in metric.samples { text += line(metric.name, sample.labels, sample.value) }
      for histogram in metric.histograms {
        var count = 0
        let bounds = histogram.bounds.map { $0.description } + ["+Inf"]
        for (bound, more) in zip(bounds, histogram.counts) {
          count += more
          text += line(metric.name + "_bucket", histogram.labels + [("le", bound)], Double(count))
        }
        text += line(metric.name + "_sum", histogram.labels, histogram.sum)
        text += line(metric.name + "_count", histogram.labels, Double(count))
      }
    }
    return text
  }

  private static func line(_ name: String, _ labels: [(String, String)], _ value: Double) -> String
  {
    let labels = labels.map { "\($0.0)=\"\(escape($0.1))\"" }.joined(separator: ",")
    let value = Int64(exactly: value).map { String($0) } ?? value.description
    return "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
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
