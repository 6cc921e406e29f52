import HTTPClient
import Queries
import REST
import RoostCore

/// The traces of an app: none at all unless the settings name a collector.
final class AppTraces: Sendable {
  let tracer: Tracer?
  private let exporter: TraceExporter?

  /// Throws `Settings.Failure` for an endpoint that is no URL.
  init(_ settings: Settings, ambient: Ambient) throws(Settings.Failure) {
    let endpoint = settings.text(SettingKeys.tracesEndpoint)
    guard !endpoint.isEmpty else {
      (tracer, exporter) = (nil, nil)
      return
    }
    let url: OutgoingURL
    do throws(OutgoingURL.Fault) {
      url = try OutgoingURL(endpoint)
    } catch {
      throw Settings.Failure(
        description: "traces.endpoint: \(error.reason); a collector's is like "
          + "http://127.0.0.1:4318/v1/traces")
    }
    let queue = SpanQueue()
    tracer = Tracer(
      share: Double(settings.text(SettingKeys.tracesSample)) ?? 0,
      perSecond: settings.integer(SettingKeys.tracesPerSecond), ambient: ambient, sink: queue)
    exporter = TraceExporter(
      to: url, headers: HeaderList.parse(settings.text(SettingKeys.tracesHeaders)) ?? [],
      queue: queue,
      resource: [
        ("service.name", .string(settings.text(SettingKeys.tracesService))),
        ("service.instance.id", .string(ambient.newID().description)),
      ], ambient: ambient)
  }

  /// The steps around those that publish a commit.
  func steps(_ inner: [any PreCommit], time: any TimeSource) -> [any PreCommit] {
    guard tracer != nil else { return inner }
    return [CommitWatch(place: .before, time: time)] + inner
      + [CommitWatch(place: .behind, time: time)]
  }

  func start() { exporter?.start() }
  func stop() async { await exporter?.stop() }

  var metrics: [Metric] {
    guard let tracer, let exporter else { return [] }
    let figures = exporter.queue.figures
    return [
      Metric(
        "roost_traces_total", .counter,
        "Requests that were traced, and those that were not because too many were in that second.",
        samples: [
          ([("outcome", "traced")], Double(tracer.traced)),
          ([("outcome", "beyond_limit")], Double(tracer.refused)),
        ]),
      Metric(
        "roost_trace_spans_total", .counter, "Spans by what became of them.",
        samples: [
          ([("outcome", "exported")], Double(figures.exported)),
          ([("outcome", "dropped")], Double(figures.dropped)),
          ([("outcome", "failed")], Double(figures.failed)),
        ]),
      Metric(
        "roost_trace_queued_spans", .gauge, "Spans that wait to be exported.",
        Double(exporter.queue.count)),
    ]
  }
}

/// Header fields as OpenTelemetry's programs take them: `name=value`, with commas.
enum HeaderList {
  /// Nil where a name or a value is none; a value may be percent-encoded.
  static func parse(_ text: String) -> [(name: String, value: String)]? {
    var fields: [(name: String, value: String)] = []
    for part in text.split(separator: ",") {
      let trimmed = trim(part)
      guard let equals = trimmed.firstIndex(of: "=") else { return nil }
      let name = trim(trimmed[..<equals])
      guard let value = decoded(trim(trimmed[trimmed.index(after: equals)...])),
        !name.isEmpty, name.utf8.allSatisfy(isToken),
        value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
      else { return nil }
      fields.append((String(name), value))
    }
    return fields
  }

  private static func trim(_ text: Substring) -> Substring {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return text
  }

  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
    default: false
    }
  }

  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
