import COpenSSL

/// One connection's TLS, as a state machine over a descriptor that does not block.
///
/// It belongs to one thread at a time, hence unchecked. It does not own the descriptor.
package final class TLSSession: @unchecked Sendable {
  /// What came of a step.
  package enum Step: Sendable, Equatable {
    /// The handshake is done.
    case done
    /// So many bytes were read or written; at least 1.
    case bytes(Int)
    /// The peer will send no more.
    case end
    /// Go on when the descriptor is readable.
    case wantsRead
    /// Go on when the descriptor is writable.
    case wantsWrite
    /// The connection is of no use any more; close it.
    case failed
  }

  private static let socketMethod = SocketMethod()

  /// Held, because OpenSSL calls it back by an unretained pointer.
  private let context: TLSContext
  private let session: OpaquePointer
  private var isOpen = false
  private var hasFailed = false
  /// Whether `read` can give more at once, without the descriptor becoming readable.
  package private(set) var mayHaveMore = false

  /// A session of a server; nil where memory is out.
  package init?(_ context: TLSContext, descriptor: Int32) {
    guard let method = TLSSession.socketMethod.pointer, let session = context.newSession() else {
      return nil
    }
    self.context = context
    self.session = session
    guard roost_tls_use_socket(session, method, descriptor) == 1 else {
      SSL_free(session)
      return nil
    }
    SSL_set_accept_state(session)
  }

  deinit { SSL_free(session) }

  /// Goes on with the handshake as far as the descriptor allows.
  package func handshake() -> Step {
    ERR_clear_error()
    let result = SSL_do_handshake(session)
    if result == 1 {
      isOpen = true
      mayHaveMore = SSL_has_pending(session) == 1
      return .done
    }
    return outcome(of: result)
  }

  /// Reads into `room`, which is not empty.
  package func read(into room: UnsafeMutableRawBufferPointer) -> Step {
    ERR_clear_error()
    let count = SSL_read(session, room.baseAddress, Int32(clamping: room.count))
    if count > 0 {
      mayHaveMore = SSL_has_pending(session) == 1
      return .bytes(Int(count))
    }
    mayHaveMore = false
    return outcome(of: count)
  }

  /// Writes some of `bytes`, which are not empty; what was not taken comes again, at the front of the
  /// next call.
  package func write(_ bytes: UnsafeRawBufferPointer) -> Step {
    ERR_clear_error()
    let count = SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count))
    return count > 0 ? .bytes(Int(count)) : outcome(of: count)
  }

  /// Whether a record has come in part.
  package var hasPartialRecord: Bool { SSL_has_pending(session) == 1 }

  /// Tells the peer that nothing more comes, as far as the descriptor takes it.
  package func close() {
    guard isOpen, !hasFailed else { return }
    isOpen = false
    ERR_clear_error()
    SSL_shutdown(session)
    ERR_clear_error()
  }

  /// The version that was agreed on, such as `TLSv1.3`.
  package var version: String { String(cString: SSL_get_version(session)) }

  private func outcome(of result: Int32) -> Step {
    switch SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN: return .end
    default:
      hasFailed = true
      ERR_clear_error()
      return .failed
    }
  }
}

/// OpenSSL's table of functions for sockets, made once; it is never freed.
///
/// Unchecked: it is read alone.
private struct SocketMethod: @unchecked Sendable {
  let pointer = roost_tls_socket_method()
}
