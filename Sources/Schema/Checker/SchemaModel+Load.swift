extension SchemaModel {
  /// Reads and checks a schema file.
  ///
  /// Throws every fault that was found (at most 100), in the order of the file; a syntax fault
  /// alone, because what follows it cannot be read. Features beyond `stage` are refused or noted.
  package static func load(
    source: String, stage: StagePolicy = .current
  ) throws(SchemaError) -> SchemaModel {
    let document: Document
    do throws(SyntaxFault) {
      document = try Parser.document(source)
    } catch {
      throw SchemaError(faults: [error.fault])
    }
    let checker = Checker(document, stage: stage)
    return try checker.model(source: source)
  }

  /// Reads and checks the bytes of a schema file, which must be UTF-8.
  package static func load(
    bytes: [UInt8], stage: StagePolicy = .current
  ) throws(SchemaError) -> SchemaModel {
    guard let source = String(validating: bytes, as: UTF8.self) else {
      // The text up to the first replacement character has the line of the fault.
      let prefix = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{FFFD}" }
      let lines = prefix.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      throw SchemaError(faults: [
        SchemaFault(
          location: SourceLocation(
            line: max(1, lines.count), column: (lines.last?.unicodeScalars.count ?? 0) + 1),
          message: "the file is not valid UTF-8")
      ])
    }
    return try load(source: source, stage: stage)
  }
}
