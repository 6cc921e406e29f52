import RoostCore
import RoostServer
import Synchronization
import Testing

@Suite("Progress of an import")
struct ProgressDisplayTests {
  private final class Clock: TimeSource {
    let nanoseconds = Mutex<UInt64>(0)
    func now() -> Timestamp { Timestamp(milliseconds: 0) }
    func monotonicNanoseconds() -> UInt64 { nanoseconds.withLock { $0 } }
    func set(milliseconds: UInt64) { nanoseconds.withLock { $0 = milliseconds * 1_000_000 } }
  }

  private final class Sink: LogSink {
    let text = Mutex("")
    func write(_ line: [UInt8]) { text.withLock { $0 += String(decoding: line, as: UTF8.self) } }
    func take() -> String {
      text.withLock { text in
        defer { text = "" }
        return text
      }
    }
  }

  private let progress = ImportProgress(
    input: "/x/plays.tsv", bytesRead: 500, bytesTotal: 1000, rows: 12_345, refused: 7,
    seconds: 61.7)

  @Test("A terminal gets a bar, at most ten times a second")
  func terminal() {
    let clock = Clock()
    let sink = Sink()
    var display = ProgressDisplay(isTerminal: true, time: clock, sink: sink)
    display.show(progress)
    #expect(
      sink.take() == "\rplays.tsv [############------------] 50% 12,345 lines, 200/s, 7 refused, "
        + "1:02 left\u{1B}[K")
    clock.set(milliseconds: 99)
    display.show(progress)
    #expect(sink.take().isEmpty)
    clock.set(milliseconds: 100)
    display.show(progress)
    #expect(!sink.take().isEmpty)
    display.clear()
    #expect(sink.take() == "\r\u{1B}[K")
  }

  @Test("Others get a line every five seconds")
  func plain() {
    let clock = Clock()
    let sink = Sink()
    var display = ProgressDisplay(isTerminal: false, time: clock, sink: sink)
    display.show(progress)
    clock.set(milliseconds: 4999)
    display.show(progress)
    #expect(sink.take().isEmpty)
    clock.set(milliseconds: 5000)
    display.show(progress)
    display.clear()
    #expect(sink.take() == "plays.tsv 50% 12,345 lines, 200/s, 7 refused, 1:02 left\n")
  }

  @Test("A job that has read nothing divides by nothing")
  func empty() {
    let start = ImportProgress(
      input: "a", bytesRead: 0, bytesTotal: 0, rows: 0, refused: 0, seconds: 0)
    #expect(start.fraction == 1)
    #expect(start.rowsPerSecond == 0)
    #expect(start.secondsLeft == 0)
  }
}
