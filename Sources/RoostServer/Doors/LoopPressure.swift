import RoostCore
import Synchronization

/// Whether the queue before the loops stands, and who is then refused: nearly all who have waited for
/// longer than a bound, and of the others as many as it takes (`AdmittedShare`).
///
/// It begins to stand where the waits have been above a quarter of what is tolerated for a tenth of a
/// second, and does so until most of them are below the bound, which is far less: what is let in fills
/// the queue again at once, and a queue that is emptied only down to where it began to stand would
/// stand again and again. As long as some are refused who came in time it stands, too. It is over in any
/// case where nobody has waited that long for a while.
final class LoopPressure: Sendable {
  /// In-time requests, more than late ones, that end it.
  ///
  /// A process that is held to a share of a processor serves a few hundred in each of its turns, and is
  /// overloaded all the same.
  private static let lead = 512
  /// Longer than such a process stands still at a time, with the usual period of 100 ms.
  private static let quietNanoseconds: UInt64 = 150_000_000

  /// The wait beyond which nearly all but health checks are refused while the queue stands, in
  /// nanoseconds.
  private let bound: UInt64
  private let share = AdmittedShare()
  private let rising: QueueDelay
  private let falling: QueueDelay
  private let stands = Atomic<Bool>(false)
  private let lastLate = Atomic<UInt64>(0)

  /// `tolerated` in nanoseconds; 0 for a queue that never stands.
  init(tolerated: UInt64) {
    bound = tolerated / 20
    rising = QueueDelay(target: tolerated / 4, lead: 16)
    falling = QueueDelay(target: bound, lead: LoopPressure.lead)
  }

  /// Tells of a request that has waited for `wait` nanoseconds at `now`.
  func note(_ wait: UInt64, at now: UInt64) {
    let wasQuiet = isQuiet(now)
    rising.note(wait, at: now)
    falling.note(wait, at: now)
    if wait > bound { lastLate.store(now, ordering: .relaxed) }
    if stands.load(ordering: .relaxed) {
      share.adjust(at: now)
      if wasQuiet || share.isWhole && !falling.isStanding(at: now) {
        stands.store(false, ordering: .relaxed)
      }
    } else if wait > bound, rising.isStanding(at: now) {
      stands.store(true, ordering: .relaxed)
    }
  }

  /// Tells that a loop had nothing to do for a moment.
  func rested() { share.rested() }

  /// Whether the request that was read at `now`, and waited for `wait` nanoseconds, is refused; those
  /// that matter less are late after fewer `eighths` of the bound.
  ///
  /// Some are let in whatever they have waited: where thousands wait nobody is in time any more, and a
  /// server that turns all away is none.
  func refuses(_ wait: UInt64, eighths: UInt64, at now: UInt64) -> Bool {
    guard isStanding(at: now) else { return false }
    let isLate = wait > bound / 8 * eighths
    return isLate
      ? !share.admitsLate(at: now)
      : !share.admits(at: now)
  }

  func isStanding(at now: UInt64) -> Bool { stands.load(ordering: .relaxed) && !isQuiet(now) }

  /// The last wait, in nanoseconds, while they are too long; else 0.
  func wait(at now: UInt64) -> UInt64 { isQuiet(now) ? 0 : falling.wait(at: now) }

  /// Another thread may have told of somebody a moment after `now` was read.
  private func isQuiet(_ now: UInt64) -> Bool {
    let late = lastLate.load(ordering: .relaxed)
    return now > late && now - late > LoopPressure.quietNanoseconds
  }
}
