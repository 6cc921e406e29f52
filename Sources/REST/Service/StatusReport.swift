package import RoostCore

/// How a server is, in a form for programs and for people; holds nothing secret.
package struct StatusReport: Sendable {
  /// One thing that a server does, and how well.
  package struct Part: Sendable, Equatable {
    /// A stable name in lower case, such as `writes`.
    package let name: String
    /// What is wrong and what follows from it; nil where nothing is.
    package let fault: String?

    package init(_ name: String, fault: String? = nil) {
      self.name = name
      self.fault = fault
    }
  }

  /// Why no requests are taken; nil where they are.
  package let unavailable: String?
  package let parts: [Part]
  /// What people like to know, such as how long it has run.
  package let facts: [(name: String, value: String)]
  package let at: Timestamp

  package init(
    unavailable: String?, parts: [Part], facts: [(name: String, value: String)], at: Timestamp
  ) {
    self.unavailable = unavailable
    self.parts = parts
    self.facts = facts
    self.at = at
  }

  package var faults: [Part] { parts.filter { $0.fault != nil } }

  /// `ok`, `degraded` or `unavailable`.
  package var state: String {
    unavailable != nil ? "unavailable" : faults.isEmpty ? "ok" : "degraded"
  }

  /// The answer of `/health/ready` while requests are taken.
  var json: [UInt8] {
    var json = JSONWriter(capacity: 128)
    json.beginObject()
    json.key("status")
    json.string(state)
    if !faults.isEmpty {
      json.key("degraded")
      json.beginArray()
      for part in faults {
        json.beginObject()
        json.key("part")
        json.string(part.name)
        json.key("reason")
        json.string(part.fault ?? "")
        json.endObject()
      }
      json.endArray()
    }
    json.endObject()
    return json.bytes
  }
}
