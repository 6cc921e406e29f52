/// Deadlines of descriptors on a hashed wheel (Varghese and Lauck, "Hashed and Hierarchical Timing
/// Wheels", scheme 6): setting and cancelling take constant time and no memory of their own.
struct TimerWheel {
  private struct Node {
    var next: Int32 = -1
    var previous: Int32 = -1
    /// When it is due; `UInt32.max` where it is not on the wheel.
    var tick = UInt32.max
  }

  private static let slotCount: UInt32 = 512
  private var slots = [Int32](repeating: -1, count: Int(slotCount))
  private var nodes: [Node] = []
  private var current: UInt32 = 0

  /// Puts `descriptor` on the wheel, or moves it; a `tick` that is past is due at the next one.
  mutating func schedule(_ descriptor: Int32, at tick: UInt32) {
    let index = Int(descriptor)
    while nodes.count <= index { nodes.append(Node()) }
    cancel(descriptor)
    let due = max(tick, current &+ 1)
    let slot = Int(due % TimerWheel.slotCount)
    let first = slots[slot]
    nodes[index] = Node(next: first, previous: -1, tick: due)
    if first >= 0 { nodes[Int(first)].previous = descriptor }
    slots[slot] = descriptor
  }

  /// Takes `descriptor` off the wheel.
  mutating func cancel(_ descriptor: Int32) {
    let index = Int(descriptor)
    guard index < nodes.count, nodes[index].tick != .max else { return }
    let node = nodes[index]
    if node.previous >= 0 {
      nodes[Int(node.previous)].next = node.next
    } else {
      slots[Int(node.tick % TimerWheel.slotCount)] = node.next
    }
    if node.next >= 0 { nodes[Int(node.next)].previous = node.previous }
    nodes[index] = Node()
  }

  /// Moves on to `tick`, takes what is due off the wheel and returns it.
  mutating func advance(to tick: UInt32) -> [Int32] {
    guard tick > current else { return [] }
    var due: [Int32] = []
    // After a long pause one turn visits every slot.
    let first =
      tick - current > TimerWheel.slotCount ? tick - TimerWheel.slotCount + 1 : current + 1
    current = tick
    for visited in first...tick {
      var descriptor = slots[Int(visited % TimerWheel.slotCount)]
      while descriptor >= 0 {
        let node = nodes[Int(descriptor)]
        if node.tick <= tick {
          cancel(descriptor)
          due.append(descriptor)
        }
        descriptor = node.next
      }
    }
    return due
  }
}
