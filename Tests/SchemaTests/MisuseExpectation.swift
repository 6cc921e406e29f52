import Testing

/// Expects exactly one fault, at the marked place, that says what it should, and a good neighbour.
func expectFault(_ misuse: Misuse, sourceLocation: SourceLocation = #_sourceLocation) {
  let marked = MarkedSchema(misuse.bad)
  let found = faults(marked.source)
  #expect(found.count == 1, "\(found)", sourceLocation: sourceLocation)
  let place = (marked.place ?? "no mark") + " "
  #expect(
    found.first?.hasPrefix(place) == true, "expected \(place), found \(found)",
    sourceLocation: sourceLocation)
  #expect(
    found.first?.contains(misuse.says) == true, "expected \(misuse.says), found \(found)",
    sourceLocation: sourceLocation)
  if let good = misuse.good {
    #expect(faults(good) == [], sourceLocation: sourceLocation)
  }
}
