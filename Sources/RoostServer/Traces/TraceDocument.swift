import RoostCore

/// Traces as OTLP has them in JSON.
///
/// (OpenTelemetry Protocol 1.x, JSON Protobuf encoding: identifiers in hexadecimal, 64-bit integers as
/// strings, enumerations as numbers.)
enum TraceDocument {
  static func bytes(_ traces: [SpanQueue.Finished], resource: [(String, JSON)]) -> [UInt8] {
    var json = JSONWriter(capacity: 4096)
    json.beginObject()
    json.key("resourceSpans")
    json.beginArray()
    json.beginObject()
    json.key("resource")
    json.beginObject()
    write(resource, to: &json)
    json.endObject()
    json.key("scopeSpans")
    json.beginArray()
    json.beginObject()
    json.key("scope")
    json.beginObject()
    json.key("name")
    json.string("roost")
    json.endObject()
    json.key("spans")
    json.beginArray()
    for trace in traces {
      for span in trace.spans { write(span, of: trace, to: &json) }
    }
    json.endArray()
    json.endObject()
    json.endArray()
    json.endObject()
    json.endArray()
    json.endObject()
    return json.bytes
  }

  private static func write(
    _ span: Span, of trace: SpanQueue.Finished, to json: inout JSONWriter
  ) {
    json.beginObject()
    json.key("traceId")
    json.string(trace.id)
    json.key("spanId")
    json.string(TraceContext.hexadecimal(span.id))
    if span.parent != 0 {
      json.key("parentSpanId")
      json.string(TraceContext.hexadecimal(span.parent))
    }
    if let state = trace.state {
      json.key("traceState")
      json.string(state)
    }
    json.key("name")
    json.string(span.name)
    json.key("kind")
    json.int(span.kind.rawValue)
    json.key("startTimeUnixNano")
    json.string(String(span.start))
    json.key("endTimeUnixNano")
    json.string(String(span.end))
    write(span.attributes, to: &json)
    if span.hasFailed {
      json.key("status")
      json.beginObject()
      json.key("code")
      json.int(2)
      json.endObject()
    }
    json.endObject()
  }

  private static func write(_ attributes: [(String, JSON)], to json: inout JSONWriter) {
    json.key("attributes")
    json.beginArray()
    for (key, value) in attributes {
      json.beginObject()
      json.key("key")
      json.string(key)
      json.key("value")
      json.beginObject()
      switch value {
      case .int(let number):
        json.key("intValue")
        json.string(String(number))
      case .bool(let flag):
        json.key("boolValue")
        json.bool(flag)
      case .double(let number):
        json.key("doubleValue")
        json.double(number)
      default:
        json.key("stringValue")
        json.string(value.string ?? value.text)
      }
      json.endObject()
      json.endObject()
    }
    json.endArray()
  }
}
