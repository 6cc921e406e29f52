package import RoostCore

/// The parameters of a query such as `limit=20&filter=name%20eq%20a`, in order.
///
/// Names and values are percent-decoded, and `+` is a space. Nothing is dropped: who wants a name
/// once asks for it by `single`.
package struct QueryParameters: Sendable {
  package struct Item: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  package static let maximumCount = 100

  package let items: [Item]

  /// Reads a query as it was sent, without its question mark.
  ///
  /// Throws 400 for a broken escape, NUL, text that is not UTF-8, or more than `maximumCount`
  /// parameters.
  package init(_ query: String?) throws(RoostError) {
    guard var query, !query.isEmpty else {
      items = []
      return
    }
    let result = query.withUTF8 { QueryParameters.read($0) }
    switch result {
    case .success(let items): self.items = items
    case .failure(let error): throw error
    }
  }

  /// The value of the first parameter of that name.
  package subscript(name: String) -> String? { items.first { $0.name == name }?.value }

  /// The values of every parameter of that name.
  package func values(_ name: String) -> [String] {
    items.filter { $0.name == name }.map(\.value)
  }

  /// The value of a parameter that may come once; throws 400 where it is repeated.
  package func single(_ name: String) throws(RoostError) -> String? {
    var found: String?
    for item in items where item.name == name {
      guard found == nil else {
        throw QueryParameters.fault(
          "?\(name)", "repeated", "The query parameter \(name) may be given once only.")
      }
      found = item.value
    }
    return found
  }

  private static func read(
    _ bytes: UnsafeBufferPointer<UInt8>
  ) -> Result<[Item], RoostError> {
    var items: [Item] = []
    var start = 0
    while start <= bytes.count {
      var end = start
      var equals = -1
      while end < bytes.count, bytes[end] != 0x26 {
        if bytes[end] == 0x3D, equals < 0 { equals = end }
        end += 1
      }
      let nameEnd = equals < 0 ? end : equals
      let valueStart = equals < 0 ? end : equals + 1
      if end > start {
        guard items.count < maximumCount else {
          return .failure(
            fault(
              "?", "too_many", "A query may have at most \(maximumCount) parameters."))
        }
        guard
          let name = PercentCoding.decode(
            UnsafeBufferPointer(rebasing: bytes[start..<nameEnd]), plusIsSpace: true),
          let value = PercentCoding.decode(
            UnsafeBufferPointer(rebasing: bytes[valueStart..<end]), plusIsSpace: true)
        else {
          return .failure(
            fault("?", "encoding", "The query must be UTF-8 in valid percent-encoding."))
        }
        items.append(Item(name: name, value: value))
      }
      start = end + 1
    }
    return .success(items)
  }

  private static func fault(_ pointer: String, _ code: String, _ message: String) -> RoostError {
    RoostError(
      .malformed, message, issues: [FieldIssue(pointer: pointer, code: code, message: message)])
  }
}
