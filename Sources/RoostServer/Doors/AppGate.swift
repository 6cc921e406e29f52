import RoostCore
import Transport

/// The gate of an app's loops: refuses for load before a route is looked for.
///
/// Who gets past it is looked at again at the door of its route, which also refuses those whose answer
/// has to carry more than a prepared one.
final class AppGate: LoadGate {
  private let overload: Overload
  private let isLogged: Bool
  /// By queue.
  private let refusals: [PreparedRefusal]

  /// Where requests are logged (`isLogged`), the gate leaves the refusing to the doors, behind which
  /// the log is written.
  init(_ overload: Overload, isLogged: Bool) {
    self.overload = overload
    self.isLogged = isLogged
    refusals = Overload.Queue.allCases.map { PreparedRefusal($0.error) }
  }

  func rested() { overload.rested() }

  func refusal(
    _ method: Method, path: UnsafeRawBufferPointer, wait: UInt64, at now: UInt64,
    isFromPage: @autoclosure () -> Bool
  ) -> PreparedRefusal? {
    overload.note(wait, at: now)
    guard overload.isPressed(wait: wait, at: now), !isLogged, !isFromPage() else { return nil }
    let priority = RequestPriority.of(method, path)
    guard let queue = overload.refusal(priority, wait: wait, at: now) else { return nil }
    return refusals[queue.place]
  }
}
