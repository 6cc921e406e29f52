import CYAML

extension YAMLNode {
  /// Bytes of the longest document that is read.
  static let maximumBytes = 1_000_000
  /// Lists and mappings inside one another.
  static let maximumDepth = 16

  /// Reads one YAML document; nil for an empty one.
  ///
  /// A small and unsurprising part of YAML 1.1 as libyaml reads it: no anchors, aliases, tags or
  /// directives, one document, unique keys that are texts, UTF-8 only. These, more than 16 nested
  /// values and more than 1 MB are refused.
  package static func parse(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode? {
    guard bytes.count <= maximumBytes else {
      throw YAMLError(
        place: SourcePlace(line: 1, column: 1), message: "the file is larger than 1 MB")
    }
    // The closure of withUnsafeBytes cannot throw typed errors through every overload.
    let result: Result<YAMLNode?, YAMLError> = bytes.withUnsafeBufferPointer { buffer in
      let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
      parser.initialize(to: yaml_parser_t())
      defer { parser.deallocate() }
      do throws(YAMLError) {
        return .success(try YAMLReader(parser).document(buffer))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

/// Builds nodes from the events of libyaml's parser.
private struct YAMLReader {
  /// On the heap, because libyaml keeps the parser's own address in it.
  private let parser: UnsafeMutablePointer<yaml_parser_t>

  init(_ parser: UnsafeMutablePointer<yaml_parser_t>) { self.parser = parser }

  /// One event, copied out of libyaml's memory.
  private enum Event {
    case streamStart
    case streamEnd
    case documentStart(hasDirectives: Bool)
    case documentEnd
    case scalar(YAMLScalar)
    case sequenceStart
    case sequenceEnd
    case mappingStart
    case mappingEnd
  }

  func document(
    _ bytes: UnsafeBufferPointer<UInt8>
  ) throws(YAMLError) -> YAMLNode? {
    guard yaml_parser_initialize(parser) == 1 else {
      throw YAMLError(place: SourcePlace(line: 1, column: 1), message: "out of memory")
    }
    defer { yaml_parser_delete(parser) }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    var start = 0
    // The encoding is given, so libyaml would take a byte-order mark for a character.
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { start = 3 }
    let text = UnsafeBufferPointer(rebasing: bytes[start...])
    yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    return try stream()
  }

  private func stream() throws(YAMLError) -> YAMLNode? {
    _ = try next()
    let (first, place) = try next()
    guard case .documentStart(let hasDirectives) = first else { return nil }
    if hasDirectives {
      throw YAMLError(place: place, message: "directives (%YAML, %TAG) are not supported")
    }
    let (event, start) = try next()
    let node = try self.node(event, start, depth: 1)
    _ = try next()
    let (last, end) = try next()
    guard case .streamEnd = last else {
      throw YAMLError(place: end, message: "a second document starts here; only one is allowed")
    }
    if case .scalar(let scalar) = node, scalar.isNull { return nil }
    return node
  }

  private func node(
    _ event: Event, _ place: SourcePlace, depth: Int
  ) throws(YAMLError) -> YAMLNode {
    switch event {
    case .scalar(let scalar): return .scalar(scalar)
    case .sequenceStart:
      try check(depth, place)
      return .sequence(try sequence(depth: depth), place)
    case .mappingStart:
      try check(depth, place)
      return .mapping(try mapping(depth: depth), place)
    default: throw YAMLError(place: place, message: "expected a value")
    }
  }

  private func check(_ depth: Int, _ place: SourcePlace) throws(YAMLError) {
    guard depth <= YAMLNode.maximumDepth else {
      throw YAMLError(
        place: place, message: "more than \(YAMLNode.maximumDepth) lists and mappings nested")
    }
  }

  private func sequence(depth: Int) throws(YAMLError) -> [YAMLNode] {
    var nodes: [YAMLNode] = []
    while true {
      let (event, place) = try next()
      if case .sequenceEnd = event { return nodes }
      nodes.append(try node(event, place, depth: depth + 1))
    }
  }

  private func mapping(depth: Int) throws(YAMLError) -> [YAMLMember] {
    var members: [YAMLMember] = []
    var lines: [String: Int] = [:]
    while true {
      let (event, place) = try next()
      if case .mappingEnd = event { return members }
      guard case .scalar(let key) = event else {
        throw YAMLError(place: place, message: "a key must be a text")
      }
      if key.isNull { throw YAMLError(place: place, message: "a key must not be empty") }
      if let line = lines[key.text] {
        throw YAMLError(
          place: place,
          message: "the key \(key.text.prefix(60)) is given twice, first on line \(line)")
      }
      lines[key.text] = place.line
      let (valueEvent, valuePlace) = try next()
      let value = try node(valueEvent, valuePlace, depth: depth + 1)
      members.append(YAMLMember(key: key.text, keyPlace: place, value: value))
    }
  }

  // MARK: Events

  private func next() throws(YAMLError) -> (Event, SourcePlace) {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw fault() }
    defer { yaml_event_delete(&event) }
    let place = SourcePlace(event.start_mark)
    switch event.type {
    case YAML_STREAM_START_EVENT: return (.streamStart, place)
    case YAML_STREAM_END_EVENT: return (.streamEnd, place)
    case YAML_DOCUMENT_START_EVENT:
      let start = event.data.document_start
      let hasDirectives =
        start.version_directive != nil || start.tag_directives.start != start.tag_directives.end
      return (.documentStart(hasDirectives: hasDirectives), place)
    case YAML_DOCUMENT_END_EVENT: return (.documentEnd, place)
    case YAML_ALIAS_EVENT:
      throw YAMLError(
        place: place, message: "aliases (*name) are not supported: write the value out")
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      try refuse(anchor: scalar.anchor, tag: scalar.tag, place)
      let text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      let isQuoted = scalar.style != YAML_PLAIN_SCALAR_STYLE
      return (.scalar(YAMLScalar(text: text, isQuoted: isQuoted, place: place)), place)
    case YAML_SEQUENCE_START_EVENT:
      let start = event.data.sequence_start
      try refuse(anchor: start.anchor, tag: start.tag, place)
      return (.sequenceStart, place)
    case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, place)
    case YAML_MAPPING_START_EVENT:
      let start = event.data.mapping_start
      try refuse(anchor: start.anchor, tag: start.tag, place)
      return (.mappingStart, place)
    case YAML_MAPPING_END_EVENT: return (.mappingEnd, place)
    default: throw YAMLError(place: place, message: "the document ends in the middle of a value")
    }
  }

  private func refuse(
    anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?,
    _ place: SourcePlace
  ) throws(YAMLError) {
    if anchor != nil {
      throw YAMLError(
        place: place, message: "anchors (&name) are not supported: write the value out")
    }
    if tag != nil { throw YAMLError(place: place, message: "tags (!name) are not supported") }
  }

  /// The parser's own fault; a fault of the reader (bad UTF-8, control characters) has an offset
  /// instead of a mark, and the parser has read at most its buffer beyond the mark then.
  private func fault() -> YAMLError {
    var message = parser.pointee.problem.map { String(cString: $0) } ?? "the document is not YAML"
    if let context = parser.pointee.context { message = String(cString: context) + ": " + message }
    let isOfReader = parser.pointee.error == YAML_READER_ERROR
    let place = SourcePlace(isOfReader ? parser.pointee.mark : parser.pointee.problem_mark)
    if parser.pointee.error == YAML_MEMORY_ERROR { message = "out of memory" }
    return YAMLError(place: place, message: message)
  }
}

extension SourcePlace {
  /// The place of a mark of libyaml, which counts from 0.
  fileprivate init(_ mark: yaml_mark_t) {
    self.init(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
  }
}
