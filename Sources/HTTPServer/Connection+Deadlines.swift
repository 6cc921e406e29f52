import RoostCore
import Transport
import Wire

extension Connection {
  /// Between requests: the connection may stay open for a while.
  func waitForRequest() {
    waiting = .request
    readDeadline = loop.tick(afterSeconds: loop.limits.idleSeconds)
  }

  /// A body has to come at a minimum pace, which is looked at each second.
  func waitForBody() {
    waiting = .body
    readDeadline = loop.tick(afterSeconds: 1)
  }

  /// Sees to it that the wheel calls in time.
  ///
  /// A deadline that moved away costs nothing: the wheel calls too early then, and is set anew.
  func armTimer() {
    let deadline = min(readDeadline, writeDeadline)
    guard deadline < timerTick else { return }
    timerTick = deadline
    loop.timers.schedule(descriptor, at: deadline)
  }

  func timerFired() {
    timerTick = .max
    if writeDeadline <= loop.tick {
      // Of room in a large buffer the kernel tells only when a third of it is free.
      flush()
      guard phase != .closed else { return }
      if isWriteBlocked {
        let stall = loop.limits.writeStallSeconds
        // The client does not read its answer, or so slowly that it holds the connection for nothing.
        let least = max(1, stall * loop.limits.bodyBytesPerSecond)
        guard sentWhileBlocked >= least else {
          loop.counters.timeouts.increase()
          close()
          return
        }
        sentWhileBlocked = 0
        writeDeadline = loop.tick(afterSeconds: stall)
      }
      settle()
      guard phase != .closed else { return }
    }
    if readDeadline <= loop.tick {
      readDeadline = .max
      readTimedOut()
    }
    if phase != .closed { armTimer() }
  }

  private func readTimedOut() {
    switch waiting {
    case .nothing: break
    case .handshake:
      loop.counters.timeouts.increase()
      close()
    case .request:
      if pendingOutput > 0 {
        // The write deadline watches over this.
        waitForRequest()
      } else {
        if !loop.isDraining { loop.counters.timeouts.increase() }
        close()
      }
    case .end: close()
    case .head:
      startExchange(RequestHeadLayout())
      exchange.requestID = loop.requestIDs.next()
      timeOut("The request's head did not arrive in \(loop.limits.headSeconds) seconds.")
    case .body: checkBodyRate()
    }
  }

  private func checkBodyRate() {
    if phase == .handling {
      guard let streaming = exchange.streaming, !streaming.isBodyFinished,
        !streaming.hasBodyFailed
      else {
        waiting = .nothing
        return
      }
      // Where nobody reads, the client is not to blame.
      if !streaming.wantsBody || exchange.awaitsContinue {
        waitForBody()
        return
      }
    }
    exchange.bodySeconds += 1
    let isSlow =
      exchange.bodySeconds > loop.limits.headSeconds
      && exchange.received / exchange.bodySeconds < loop.limits.bodyBytesPerSecond
    guard isSlow else {
      waitForBody()
      return
    }
    let rate = loop.limits.bodyBytesPerSecond
    switch phase {
    case .handling:
      loop.counters.timeouts.increase()
      breakStream(
        RoostError(.timeout, "The body came at less than \(rate) bytes a second."))
      settle()
    case .receiving: timeOut("The body came at less than \(rate) bytes a second.")
    default:
      loop.counters.timeouts.increase()
      close()
    }
  }

  private func timeOut(_ detail: String) {
    loop.counters.timeouts.increase()
    fail(RoostError(.timeout, detail))
    settle()
  }
}
