import CLinux
import Cryptography
import Glibc
import RoostCore

extension Connection {
  /// What came of reading from the socket.
  enum Received {
    case bytes(Int)
    /// The client will send no more.
    case end
    /// There is nothing now.
    case nothing
    case failed
  }

  /// Reads what the socket has, without its TLS, into `room`.
  func receive(_ room: UnsafeMutableRawBufferPointer) -> Received {
    guard let tls, phase != .lingering else {
      // Of a connection that is over, what comes is thrown away as it is.
      while true {
        let count = recv(descriptor, room.baseAddress, room.count, 0)
        if count > 0 { return .bytes(count) }
        if count == 0 { return .end }
        if errno == EINTR { continue }
        return errno == EAGAIN ? .nothing : .failed
      }
    }
    switch tls.read(into: room) {
    case .bytes(let count): return .bytes(count)
    case .end: return .end
    case .wantsRead: return .nothing
    case .wantsWrite:
      // The answer to an update of keys has to leave first.
      readWaitsForWrite = true
      return .nothing
    case .done, .failed: return .failed
    }
  }

  /// Whether more can be read at once, after a read of `count` bytes into `room` of so many.
  func mayReceiveMore(after count: Int, of room: Int) -> Bool {
    guard let tls, phase != .lingering else { return count == room }
    return tls.mayHaveMore
  }

  /// Sends from `first`, then from `second`; gives the count, or minus errno.
  func send(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int {
    guard let tls else {
      return roost_send(
        descriptor, first.baseAddress, first.count, second.baseAddress, second.count)
    }
    switch tls.write(first.isEmpty ? second : first) {
    case .bytes(let count): return count
    case .wantsWrite: return -Int(EAGAIN)
    case .done, .end, .wantsRead, .failed: return -Int(EPIPE)
    }
  }

  // MARK: Handshake

  /// A connection with TLS begins: the handshake has a time of its own.
  func openedWithTLS() {
    isHandshaking = true
    waiting = .handshake
    readDeadline = loop.tick(afterSeconds: loop.limits.handshakeSeconds)
    armTimer()
  }

  /// Takes the next step of the handshake, which may cost a signature.
  func continueHandshake() {
    guard phase != .closed, isHandshaking, let tls else { return }
    switch tls.handshake() {
    case .done:
      isHandshaking = false
      loop.counters.handshakes.increase()
      waitForRequest()
      if loop.isDraining { readDeadline = loop.tick(afterSeconds: 1) }
      setInterest(EPOLLIN.rawValue)
      armTimer()
      // The first request often comes together with the end of the handshake.
      readable()
    case .wantsRead: setInterest(EPOLLIN.rawValue)
    case .wantsWrite: setInterest(EPOLLOUT.rawValue)
    case .bytes, .end, .failed:
      loop.counters.failedHandshakes.increase()
      close()
    }
  }
}
