import Glibc
package import RoostCore
import Synchronization

/// How far an import is.
package struct ImportProgress: Sendable {
  package let input: String
  package let bytesRead: Int64
  package let bytesTotal: Int64
  package let rows: Int
  package let refused: Int
  package let seconds: Double

  package init(
    input: String, bytesRead: Int64, bytesTotal: Int64, rows: Int, refused: Int, seconds: Double
  ) {
    self.input = input
    self.bytesRead = bytesRead
    self.bytesTotal = bytesTotal
    self.rows = rows
    self.refused = refused
    self.seconds = seconds
  }

  /// From 0 to 1.
  package var fraction: Double {
    bytesTotal > 0 ? min(1, Double(bytesRead) / Double(bytesTotal)) : 1
  }

  package var rowsPerSecond: Double { seconds > 0 ? Double(rows) / seconds : 0 }

  /// By the bytes read so far.
  package var secondsLeft: Double { fraction > 0 ? seconds * (1 - fraction) / fraction : 0 }
}

/// Shows progress on standard error: a bar on a terminal, else a line every five seconds.
package struct ProgressDisplay {
  private let isTerminal: Bool
  private let time: any TimeSource
  private let sink: any LogSink
  private var next: UInt64

  private static let barWidth = 24

  /// `isTerminal` says whether `sink` can draw over its last line.
  package init(
    isTerminal: Bool, time: any TimeSource = SystemTime(),
    sink: any LogSink = StandardErrorSink()
  ) {
    self.isTerminal = isTerminal
    self.time = time
    self.sink = sink
    next = isTerminal ? 0 : time.monotonicNanoseconds() &+ 5_000_000_000
  }

  /// Shows `progress` when it is time for it.
  package mutating func show(_ progress: ImportProgress) {
    show { isTerminal in ProgressDisplay.text(progress, withBar: isTerminal) }
  }

  /// Shows a line, which is made only when it is time for it, for a terminal or for none.
  mutating func show(_ line: (Bool) -> String) {
    let now = time.monotonicNanoseconds()
    guard now >= next else { return }
    next = now &+ (isTerminal ? 100_000_000 : 5_000_000_000)
    let text = line(isTerminal)
    sink.write(Array((isTerminal ? "\r\(text)\u{1B}[K" : text + "\n").utf8))
  }

  /// Takes the bar away, so that what follows starts on an empty line.
  package func clear() {
    if isTerminal { sink.write(Array("\r\u{1B}[K".utf8)) }
  }

  static func text(_ progress: ImportProgress, withBar: Bool) -> String {
    let name = progress.input.split(separator: "/").last.map(String.init) ?? progress.input
    let percent = Int(exactly: (progress.fraction * 100).rounded(.down)) ?? 0
    var text = name + " "
    if withBar {
      let filled = Int(exactly: (progress.fraction * Double(barWidth)).rounded(.down)) ?? 0
      text += "[" + String(repeating: "#", count: filled)
      text += String(repeating: "-", count: barWidth - filled) + "] "
    }
    text += "\(percent)% \(Count.text(progress.rows)) lines"
    text += ", \(Count.text(Int(exactly: progress.rowsPerSecond.rounded()) ?? 0))/s"
    if progress.refused > 0 { text += ", \(Count.text(progress.refused)) refused" }
    return text + ", \(Count.clock(progress.secondsLeft)) left"
  }
}

/// A line of progress that several tasks may change.
package final class ProgressLine: Sendable {
  private let display: Mutex<ProgressDisplay>

  package init(isTerminal: Bool) { display = Mutex(ProgressDisplay(isTerminal: isTerminal)) }

  package func show(_ text: @autoclosure () -> String) {
    display.withLock { $0.show { _ in text() } }
  }

  package func clear() { display.withLock { $0.clear() } }
}
