package import RoostCore

/// One figure for Prometheus, in its text format.
package struct Metric: Sendable {
  package enum Kind: String, Sendable { case counter, gauge, histogram }

  /// How often something took how long: what is counted for one set of labels.
  package struct Histogram: Sendable {
    let labels: [(String, String)]
    let durations: DurationCounts
    /// The last traced one of each bucket, or none at all.
    let exemplars: [Exemplar?]

    package init(
      labels: [(String, String)], _ durations: DurationCounts, exemplars: [Exemplar?] = []
    ) {
      self.labels = labels
      self.durations = durations
      self.exemplars = exemplars
    }
  }

  /// One of those that a bucket counts, by the trace that tells of it.
  package struct Exemplar: Sendable {
    let traceID: String
    let value: Double
    /// When it was, in seconds since 1970.
    let seconds: Double

    package init(traceID: String, value: Double, seconds: Double) {
      self.traceID = traceID
      self.value = value
      self.seconds = seconds
    }
  }

  /// How `/metrics` is written.
  package enum Format: Sendable {
    /// Prometheus' own text format, 0.0.4.
    case text
    /// OpenMetrics 1.0.0, which has room for exemplars.
    case openMetrics

    /// By the field `Accept`: OpenMetrics where that is named.
    package init(accept: String?) {
      self = accept?.contains("application/openmetrics-text") == true ? .openMetrics : .text
    }

    package var mediaType: StaticString {
      switch self {
      case .text: "text/plain; version=0.0.4; charset=utf-8"
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      }
    }
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

  package init(_ name: String, _ help: String, histograms: [Histogram]) {
    self.init(name, .histogram, help, samples: [])
    self.histograms = histograms
  }

  /// The exposition of all `metrics`.
  package static func render(_ metrics: [Metric], _ format: Format = .text) -> String {
    var text = ""
    for metric in metrics {
      let family = metric.family(format)
      text += "# HELP \(family) \(metric.help)\n# TYPE \(family) \(metric.kind.rawValue)\n"
      for sample in metric.samples { text += line(metric.name, sample.labels, sample.value) + "\n" }
      for histogram in metric.histograms { text += lines(metric.name, histogram, format) }
    }
    return format == .openMetrics ? text + "# EOF\n" : text
  }

  /// The name of what is declared: OpenMetrics has the suffix of a counter at its samples alone.
  private func family(_ format: Format) -> String {
    guard format == .openMetrics, kind == .counter, name.hasSuffix("_total") else { return name }
    return String(name.dropLast("_total".count))
  }

  private static func lines(
    _ name: String, _ histogram: Histogram, _ format: Format
  ) -> String {
    var text = ""
    var count = 0
    let bounds = histogram.durations.bounds.map { $0.description } + ["+Inf"]
    for (bucket, (bound, more)) in zip(bounds, histogram.durations.counts).enumerated() {
      count += more
      text += line(name + "_bucket", histogram.labels + [("le", bound)], Double(count))
      if format == .openMetrics, bucket < histogram.exemplars.count,
        let exemplar = histogram.exemplars[bucket]
      {
        text += " # {trace_id=\"\(exemplar.traceID)\"} \(exemplar.value) \(exemplar.seconds)"
      }
      text += "\n"
    }
    return text + line(name + "_sum", histogram.labels, histogram.durations.sum) + "\n"
      + line(name + "_count", histogram.labels, Double(count)) + "\n"
  }

  /// One sample, without the end of its line.
  private static func line(_ name: String, _ labels: [(String, String)], _ value: Double) -> String
  {
    let labels = labels.map { "\($0.0)=\"\(escape($0.1))\"" }.joined(separator: ",")
    let value = Int64(exactly: value).map { String($0) } ?? value.description
    return "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)"
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
