/// How often something took how long, in the buckets of a histogram.
package struct DurationCounts: Sendable {
  /// Upper bounds of the buckets in seconds, ascending.
  package let bounds: [Double]
  private let nanoseconds: [UInt64]
  /// By bucket, not added up; the last is of those above all bounds.
  package private(set) var counts: [Int]
  private var total: UInt64 = 0

  package init(_ bounds: [Double]) {
    self.bounds = bounds
    nanoseconds = bounds.map { UInt64($0 * 1_000_000_000) }
    counts = [Int](repeating: 0, count: bounds.count + 1)
  }

  /// Counts one that took so many nanoseconds; gives its bucket.
  @discardableResult
  package mutating func count(_ taken: UInt64) -> Int {
    var bucket = 0
    while bucket < nanoseconds.count, taken > nanoseconds[bucket] { bucket += 1 }
    counts[bucket] += 1
    total &+= taken
    return bucket
  }

  /// What all of them took, in seconds.
  package var sum: Double { Double(total) / 1_000_000_000 }
}
