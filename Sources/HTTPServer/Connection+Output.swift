import CLinux
import Cryptography
import Glibc
import RoostCore
import Transport
import Wire

extension Connection {
  /// Bytes of answers that the socket has not taken.
  var pendingOutput: Int { output.count + largeBody.count - largeBodyOffset }

  /// Writes the head of an answer; returns the status, which is 500 where the handler's is none.
  @discardableResult
  func writeHead(_ response: Response, _ framing: BodyFraming, closes: Bool) -> Int {
    let status = (200...599).contains(response.status) ? response.status : 500
    loop.counters.countAnswer(status)
    // What is behind a large body would overtake it.
    if !largeBody.isEmpty { absorbLargeBody() }
    if !output.hasStorage { output.adopt(loop.takeBlock()) }
    let values = ResponseHeadValues(
      status: status, framing: status == 204 || status == 304 ? .absent : framing,
      contentType: response.contentType, requestID: exchange.requestID, closes: closes,
      saysKeepAlive: exchange.layout.minorVersion == 0)
    ResponseHeadWriter.write(values, prelude: loop.prelude, to: &output)
    for field in response.headers.fields {
      ResponseHeadWriter.write(field: field.name, field.value, to: &output)
    }
    output.append("\r\n")
    return status
  }

  /// Queues a body; a large one is kept as it is instead of being copied.
  func write(_ body: [UInt8]) {
    if body.count >= Connection.largeBodyBytes {
      largeBody = body
      largeBodyOffset = 0
    } else {
      output.append(body)
    }
  }

  /// Copies what is left of a large body, so that something can be queued behind it.
  func absorbLargeBody() {
    largeBody.withUnsafeBytes { bytes in
      output.append(UnsafeRawBufferPointer(rebasing: bytes[largeBodyOffset...]))
    }
    largeBody = []
    largeBodyOffset = 0
  }

  /// Gives the socket what is queued.
  func flush() {
    while phase != .closed, pendingOutput > 0 {
      let waiting = output.bytes
      let sent = largeBody.withUnsafeBytes { body in
        send(waiting, UnsafeRawBufferPointer(rebasing: body[min(largeBodyOffset, body.count)...]))
      }
      if sent < 0 {
        if sent == -Int(EINTR) { continue }
        if sent == -Int(EAGAIN) {
          outputBlocked()
          return
        }
        close()
        return
      }
      loop.counters.bytesOut.increase(by: sent)
      let fromOutput = min(sent, waiting.count)
      output.removeFirst(fromOutput)
      largeBodyOffset += sent - fromOutput
      if isWriteBlocked { sentWhileBlocked += sent }
    }
    guard phase != .closed else { return }
    if countedOutput != 0 { countOutput(0) }
    if !largeBody.isEmpty {
      largeBody = []
      largeBodyOffset = 0
    }
    if output.hasStorage, let block = output.release() { loop.giveBack(block) }
    isWriteBlocked = false
    writeDeadline = .max
    exchange.streaming?.resumeWriters()
    if phase == .closing { end() }
  }

  private func outputBlocked() {
    if !isWriteBlocked {
      isWriteBlocked = true
      sentWhileBlocked = 0
      writeDeadline = loop.tick(afterSeconds: loop.limits.writeStallSeconds)
    }
    countOutput(pendingOutput)
    if pendingOutput < Connection.streamBytes / 2 { exchange.streaming?.resumeWriters() }
  }

  /// Tells the loop's counter how much is queued here.
  func countOutput(_ bytes: Int) {
    guard bytes != countedOutput else { return }
    loop.counters.queuedOutputBytes.increase(by: bytes - countedOutput)
    countedOutput = bytes
  }

  /// Everything is sent: closes, or waits for the client to have read it.
  private func end() {
    guard !closesCleanly, !inputEnded else {
      close()
      return
    }
    tls?.close()
    phase = .lingering
    shutdown(descriptor, Int32(SHUT_WR))
    input.removeAll()
    waiting = .end
    readDeadline = loop.tick(afterSeconds: 2)
  }

  /// Bodies from this size on are not copied into the queue.
  static let largeBodyBytes = 32_768
  /// Bytes of a streamed answer that are queued before its writer has to wait.
  static let streamBytes = 65_536
}
