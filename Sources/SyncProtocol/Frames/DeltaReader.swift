import RoostCore

extension Delta {
  init(_ members: Members) throws(RoostError) {
    var entries: [StreamEntry] = []
    let elements = try members.array("entries")
    entries.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      entries.append(
        try StreamEntry(try Members(element, members.place("entries") + "/\(index)")))
    }
    self.init(
      stream: try members.int("stream", from: 1), from: try members.int("from"),
      to: try members.int("to"), entries: entries, masks: try members.masks("masks"))
  }
}

extension StreamEntry {
  fileprivate init(_ members: Members) throws(RoostError) {
    var kind = Kind.put
    if members.value("kind") != nil {
      guard let named = Kind(rawValue: try members.text("kind")) else {
        throw members.fault("kind", "enum", "An entry's kind is put, del or leave.")
      }
      kind = named
    }
    self.init(
      seq: try members.int("seq"),
      row: RowKey(collection: try members.text("coll"), id: try members.uuid("id")), kind: kind,
      version: try members.int("rv"), mask: try members.optionalInt("mask") ?? 0,
      fields: kind == .put ? try members.object("fields") : JSONObject(),
      clocks: try members.stamps("clocks"), baseVersion: try members.optionalInt("baseRv"))
  }
}
