/// Takes the framing off a request's body, by its length or by its chunks (RFC 9112 section 7.1).
///
/// Extensions are checked and ignored, trailer fields checked and dropped: nothing here gives them
/// a meaning.
package struct BodyDecoder: Sendable {
  package enum Step: Sendable, Equatable {
    /// All bytes were taken and more are needed.
    case incomplete
    /// Bytes of the body lie in this range; `decode` goes on behind it.
    case data(Range<Int>)
    /// The body ended before this offset.
    case finished(Int)
    case fault(BodyFault)
  }

  private enum State {
    case fixed, data, dataReturn, dataNewline
    case sizeFirst, size, sizeNewline
    case spaceBeforeExtension, extensionNameFirst, extensionName, spaceAfterName
    case valueFirst, value, quoted, quotedEscape, spaceAfterValue
    case trailerStart, trailerName, trailerValue, trailerNewline, lastNewline
    case finished
  }

  /// Bytes that the extensions of all chunks, and that all trailers, may take.
  private static let maximumExtensionBytes = 4096
  private static let maximumTrailerBytes = 8192

  private var state: State
  /// Bytes of the body, or of the chunk, that are still to come.
  private var remaining: Int
  private var digits = 0
  private var extensionBytes = 0
  private var trailerBytes = 0

  /// A body of a known length.
  package init(length: Int) {
    remaining = max(0, length)
    state = remaining == 0 ? .finished : .fixed
  }

  private init(state: State) {
    self.state = state
    remaining = 0
  }

  package static var chunked: BodyDecoder { BodyDecoder(state: .sizeFirst) }

  package var isFinished: Bool { state == .finished }
  /// Bytes to come where the length is known, else nil.
  package var remainingLength: Int? {
    switch state {
    case .fixed: remaining
    case .finished: 0
    default: nil
    }
  }

  /// Takes bytes from `offset` on, until a piece of the body, its end or the end of `bytes`.
  package mutating func decode(_ bytes: Span<UInt8>, from offset: Int) -> Step {
    var position = offset
    while position < bytes.count {
      switch state {
      case .fixed, .data:
        let count = min(remaining, bytes.count - position)
        remaining -= count
        if remaining == 0 { state = state == .fixed ? .finished : .dataReturn }
        return .data(position..<(position + count))
      case .finished: return .finished(position)
      default:
        if let fault = take(bytes[position]) { return .fault(fault) }
        position += 1
      }
    }
    return state == .finished ? .finished(position) : .incomplete
  }

  private mutating func take(_ byte: UInt8) -> BodyFault? {
    switch state {
    case .sizeFirst, .size, .sizeNewline, .dataReturn, .dataNewline: return takeSize(byte)
    case .trailerStart, .trailerName, .trailerValue, .trailerNewline, .lastNewline:
      return takeTrailer(byte)
    default: return takeExtension(byte)
    }
  }

  private mutating func takeSize(_ byte: UInt8) -> BodyFault? {
    switch state {
    case .sizeFirst, .size:
      if let digit = ByteClass.hexadecimal(byte) {
        guard digits < 15 else { return .chunkSize }
        digits += 1
        remaining = remaining << 4 | Int(digit)
        state = .size
        return nil
      }
      guard state == .size else { return .chunkSize }
      switch byte {
      case 0x0D: state = .sizeNewline
      case 0x3B: state = .extensionNameFirst
      case 0x20, 9: state = .spaceBeforeExtension
      default: return .chunkSize
      }
    case .sizeNewline:
      guard byte == 0x0A else { return .chunkSize }
      state = remaining == 0 ? .trailerStart : .data
      digits = 0
    case .dataReturn:
      guard byte == 0x0D else { return .chunkEnd }
      state = .dataNewline
    default:
      guard byte == 0x0A else { return .chunkEnd }
      state = .sizeFirst
    }
    return nil
  }

  /// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`.
  private mutating func takeExtension(_ byte: UInt8) -> BodyFault? {
    extensionBytes += 1
    guard extensionBytes <= BodyDecoder.maximumExtensionBytes else { return .chunkExtension }
    let isSpace = byte == 0x20 || byte == 9
    switch state {
    case .spaceBeforeExtension:
      if isSpace { return nil }
      guard byte == 0x3B else { return .chunkExtension }
      state = .extensionNameFirst
    case .extensionNameFirst:
      if isSpace { return nil }
      guard ByteClass.isToken(byte) else { return .chunkExtension }
      state = .extensionName
    case .extensionName, .spaceAfterName:
      if state == .extensionName, ByteClass.isToken(byte) { return nil }
      if byte == 0x3D {
        state = .valueFirst
        return nil
      }
      return endOfExtension(byte, isSpace ? .spaceAfterName : nil)
    case .valueFirst:
      if isSpace { return nil }
      if byte == 0x22 {
        state = .quoted
        return nil
      }
      guard ByteClass.isToken(byte) else { return .chunkExtension }
      state = .value
    case .value:
      if ByteClass.isToken(byte) { return nil }
      return endOfExtension(byte, isSpace ? .spaceAfterValue : nil)
    case .quoted:
      if byte == 0x22 {
        state = .spaceAfterValue
      } else if byte == 0x5C {
        state = .quotedEscape
      } else if !ByteClass.isFieldValue(byte) {
        return .chunkExtension
      }
    case .quotedEscape:
      guard ByteClass.isFieldValue(byte) else { return .chunkExtension }
      state = .quoted
    default:
      return endOfExtension(byte, isSpace ? .spaceAfterValue : nil)
    }
    return nil
  }

  private mutating func endOfExtension(_ byte: UInt8, _ afterSpace: State?) -> BodyFault? {
    if let afterSpace {
      state = afterSpace
    } else if byte == 0x3B {
      state = .extensionNameFirst
    } else if byte == 0x0D {
      state = .sizeNewline
    } else {
      return .chunkExtension
    }
    return nil
  }

  private mutating func takeTrailer(_ byte: UInt8) -> BodyFault? {
    trailerBytes += 1
    guard trailerBytes <= BodyDecoder.maximumTrailerBytes else { return .trailerTooLarge }
    switch state {
    case .trailerStart:
      if byte == 0x0D {
        state = .lastNewline
      } else {
        guard ByteClass.isToken(byte) else { return .trailer }
        state = .trailerName
      }
    case .trailerName:
      if byte == 0x3A {
        state = .trailerValue
      } else if !ByteClass.isToken(byte) {
        return .trailer
      }
    case .trailerValue:
      if byte == 0x0D {
        state = .trailerNewline
      } else if !ByteClass.isFieldValue(byte) {
        return .trailer
      }
    case .trailerNewline:
      guard byte == 0x0A else { return .trailer }
      state = .trailerStart
    default:
      guard byte == 0x0A else { return .trailer }
      state = .finished
    }
    return nil
  }
}
