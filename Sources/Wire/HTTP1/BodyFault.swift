package import RoostCore

/// Why a chunked body is refused; the connection is closed after it.
package enum BodyFault: Error, Sendable, Equatable, CaseIterable {
  case chunkSize
  case chunkExtension
  case chunkEnd
  case trailer
  case trailerTooLarge

  package var error: RoostError {
    switch self {
    case .chunkSize:
      RoostError(.malformed, "A chunk's size must be up to 15 hexadecimal digits.")
    case .chunkExtension:
      RoostError(.malformed, "A chunk's extension is malformed or too long.")
    case .chunkEnd:
      RoostError(.malformed, "A chunk must end in CRLF after as many bytes as its size says.")
    case .trailer: RoostError(.malformed, "A trailer field is malformed.")
    case .trailerTooLarge: RoostError(.headTooLarge, "The trailer fields are too large.")
    }
  }
}
