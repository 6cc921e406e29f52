import RoostCore
import SyncProtocol
import Synchronization

/// Stretches of streams that were encoded a moment ago, for others who pull the same.
///
/// A commit sends many devices to the same stretch, and a crowd of new ones to the same beginnings.
/// What a stream shows between a cursor and its head is the same for all who hold it, and whatever
/// changes it moves the head; so a page is found by both, and says what a look at the database would.
/// (What is masked may lose its time without that: such pages are not kept.)
/// Pages are forgotten after ten seconds, and the ones that were asked for longest ago where they are
/// too many.
final class DeltaPages: Sendable {
  /// Which stretch, in which state of which stream.
  struct Key: Hashable, Sendable {
    let epoch: UUID
    /// The count of purges: a purge takes removals out and moves no head.
    let purges: Int64
    let stream: Int64
    let from: Int64
    let head: Int64

    init(epoch: UUID, purges: Int64, stream: Int64, from: Int64, head: Int64) {
      self.epoch = epoch
      self.purges = purges
      self.stream = stream
      self.from = from
      self.head = head
    }
  }

  /// A delta frame, encoded in the words of now.
  struct Page: Sendable {
    let bytes: [UInt8]
    /// Where it leads: the head, or before it where there was no room for more.
    let to: Int64
    /// The masks of its entries.
    let masks: [Int64: SyncProtocol.Mask]
    /// The bytes behind which it ended, where it ended before the head.
    let room: Int

    init(bytes: [UInt8], to: Int64, masks: [Int64: SyncProtocol.Mask], room: Int) {
      self.bytes = bytes
      self.to = to
      self.masks = masks
      self.room = room
    }
  }

  private struct Kept {
    let page: Page
    /// In nanoseconds of the steady clock.
    let made: UInt64
    var used: UInt64
  }

  private struct State {
    var pages: [Key: Kept] = [:]
    var bytes = 0
    var uses: UInt64 = 0
  }

  /// Bytes of all pages, at most.
  private let capacity: Int
  private static let lifetimeNanoseconds: UInt64 = 10_000_000_000
  private let state = Mutex(State())

  init(capacity: Int = 16_777_216) { self.capacity = capacity }

  /// The page of a stretch that fits into `room` bytes, or ended behind as many or fewer; `now` is of
  /// the steady clock.
  func page(_ key: Key, room: Int, at now: UInt64) -> Page? {
    state.withLock { state in
      guard let kept = state.pages[key] else { return nil }
      guard now &- kept.made < DeltaPages.lifetimeNanoseconds else {
        DeltaPages.remove(key, &state)
        return nil
      }
      guard kept.page.bytes.count <= room || kept.page.room <= room else { return nil }
      state.uses += 1
      state.pages[key]?.used = state.uses
      return kept.page
    }
  }

  /// Keeps a page that was made from a snapshot in which the stream ended at the key's head; not one
  /// that leads nowhere.
  func keep(_ page: Page, for key: Key, at now: UInt64) {
    // Where there was no room for a single entry, whoever has more of it would stay where it is.
    guard page.to > key.from, page.bytes.count <= capacity / 4 else { return }
    state.withLock { state in
      DeltaPages.remove(key, &state)
      if state.bytes + page.bytes.count > capacity { makeRoom(&state, at: now) }
      state.uses += 1
      state.bytes += page.bytes.count
      state.pages[key] = Kept(page: page, made: now, used: state.uses)
    }
  }

  /// Bytes of the pages that are kept.
  var byteCount: Int { state.withLock { $0.bytes } }

  private static func remove(_ key: Key, _ state: inout State) {
    if let kept = state.pages.removeValue(forKey: key) { state.bytes -= kept.page.bytes.count }
  }

  /// Forgets what is too old, and then of the rest what was asked for longest ago, to one half: so
  /// that pages are not sorted for each that comes.
  private func makeRoom(_ state: inout State, at now: UInt64) {
    for (key, kept) in state.pages where now &- kept.made >= DeltaPages.lifetimeNanoseconds {
      DeltaPages.remove(key, &state)
    }
    guard state.bytes > capacity / 2 else { return }
    for (key, _) in state.pages.sorted(by: { $0.value.used < $1.value.used }) {
      DeltaPages.remove(key, &state)
      if state.bytes <= capacity / 2 { break }
    }
  }
}
