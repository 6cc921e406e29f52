package import RoostCore
package import SyncProtocol

/// A row as the server's streams show it together, without what is pending.
package struct SyncedRow: Sendable, Equatable {
  /// The values that the masks of its references show.
  package var fields: JSONObject
  /// The stamps of fields whose strategy compares with what an edit was made on.
  package var clocks: [String: Stamp]
  /// The streams that hold the row; it goes with the last one.
  package var references: [RowReference]

  package init(
    fields: JSONObject = JSONObject(), clocks: [String: Stamp] = [:],
    references: [RowReference] = []
  ) {
    self.fields = fields
    self.clocks = clocks
    self.references = references
  }

  /// The reference of a stream.
  package func reference(of stream: Int64) -> RowReference? {
    references.first { $0.stream == stream }
  }
}

/// That a stream holds a row: with which mask, at which place, in which version.
package struct RowReference: Sendable, Equatable {
  package var stream: Int64
  /// The mask as `MaskTable` numbers it; 0 shows every field.
  package var mask: Int
  package var seq: Int64
  /// The row's version as the stream sees it.
  package var version: Int64

  package init(stream: Int64, mask: Int, seq: Int64, version: Int64) {
    self.stream = stream
    self.mask = mask
    self.seq = seq
    self.version = version
  }
}
