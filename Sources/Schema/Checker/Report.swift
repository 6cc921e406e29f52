/// The faults and notices of one check, each fault in the order in which it was found.
struct Report {
  /// Faults beyond this number are not collected: the first ones say enough.
  static let maximumFaults = 100

  private(set) var faults: [SchemaFault] = []
  private(set) var notices: [SchemaNotice] = []

  var isFull: Bool { faults.count >= Report.maximumFaults }

  /// Adds a fault; the message is not even made when there are enough.
  mutating func fault(_ location: SourceLocation, _ message: @autoclosure () -> String) {
    guard !isFull else { return }
    let fault = SchemaFault(location: location, message: message())
    if !faults.contains(fault) { faults.append(fault) }
  }

  mutating func notice(_ location: SourceLocation, _ code: String, _ message: String) {
    guard notices.count < 10_000 else { return }
    notices.append(SchemaNotice(location: location, code: code, message: message))
  }
}

extension SourceLocation: Comparable {
  package static func < (left: SourceLocation, right: SourceLocation) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}
