import Cryptography
import RoostCore

@testable import SyncProtocol

enum ClockVectors {
  private static func time(_ milliseconds: Int64, _ counter: UInt16 = 0) -> HybridTime {
    HybridTime(milliseconds: milliseconds, counter: counter)
  }

  private static let now: Int64 = 1_700_000_000_000

  private enum Step {
    case tick(Int64)
    case receive(HybridTime, Int64)
    case observe(HybridTime)
  }

  private static func run(_ name: JSON, _ start: HybridTime, _ steps: [Step]) -> JSON {
    var clock = ClockState(last: start)
    let done = steps.map { step -> JSON in
      switch step {
      case .tick(let wall):
        let given = clock.tick(wall: wall)
        return [
          "tick": .int(wall), "gives": .string(given.text), "last": .string(clock.last.text),
        ]
      case .receive(let remote, let wall):
        let stored = clock.receive(remote, wall: wall)
        return [
          "receive": .string(remote.text), "wall": .int(wall), "gives": .string(stored.text),
          "last": .string(clock.last.text),
        ]
      case .observe(let remote):
        clock.observe(remote)
        return ["observe": .string(remote.text), "last": .string(clock.last.text)]
      }
    }
    return ["name": name, "start": .string(start.text), "steps": .array(done)]
  }

  private static func restamp(
    _ name: JSON, _ shift: Int64, after: HybridTime = time(0), _ times: [(HybridTime, HybridTime)]
  ) -> JSON {
    var restamping = Restamping(shift: shift, now: now, after: after)
    let corrected = times.map { made, seen -> JSON in
      [
        "made": .string(made.text), "seen": .string(seen.text),
        "corrected": .string(restamping.correct(made, seen: seen).text),
      ]
    }
    return [
      "name": name, "shift": .int(shift), "now": .int(now), "after": .string(after.text),
      "stamps": .array(corrected),
    ]
  }

  private static func offset(
    _ before: Int64, sent: Int64, received: Int64, server: Int64
  ) -> JSON {
    var offset = ClockOffset(milliseconds: before)
    let shift = offset.measure(sent: sent, received: received, server: server)
    return [
      "before": .int(before), "sent": .int(sent), "received": .int(received),
      "server": .int(server), "shift": shift.map { .int($0) } ?? .null,
      "after": .int(offset.milliseconds),
    ]
  }

  private static let year: Int64 = 365 * 86_400_000

  static let clock: JSON = {
    let stamps = [
      Stamp.zero, .at(1), Stamp(time: time(now, 3), client: IdentityVectors.client),
      Stamp(time: time(now, 4), client: .zero),
      Stamp(time: HybridTime(rawValue: .max), client: UUID(high: .max, low: .max)),
    ]
    return [
      "stamps": .array(
        stamps.map { stamp in
          [
            "text": .string(stamp.description), "hex": .string(Hex.encode(stamp.bytes)),
            "milliseconds": .int(stamp.time.milliseconds),
            "counter": .int(Int64(stamp.time.counter)),
            "client": .string(stamp.client.description),
          ]
        }),
      "sorted": .array(stamps.sorted().map { .string($0.description) }),
      "refused": [
        "", "0", .string(String(repeating: "0", count: 53)),
        "018BCFE56800-0003-0198ab00-0000-7000-8000-000000000001",
        "018BCFE568000003-0198ab00-0000-7000-8000-000000000001",
        "018bcfe568000003-0198AB00-0000-7000-8000-000000000001",
        "018bcfe568000003-0198ab00-0000-7000-8000-00000000000",
      ],
      "clocks": [
        run("the wall clock goes on", time(0), [.tick(now), .tick(now + 5)]),
        run(
          "the wall clock stands or goes back", time(now),
          [.tick(now), .tick(now), .tick(now - year)]),
        run(
          "the counter runs over into the milliseconds", time(now, .max), [.tick(now), .tick(now)]),
        run("a wall clock before 1970", time(0), [.tick(-5), .tick(-4)]),
        run(
          "a stamp of a minute ahead is kept, one beyond is replaced", time(0),
          [
            .receive(time(now + 60_000, 9), now), .receive(time(now + 60_001), now),
            .receive(time(now - year), now), .receive(time(now + 70 * year), now), .tick(now),
          ]),
        run(
          "a client takes the server's clock as it is", time(now - year),
          [.observe(time(now)), .tick(now - year), .observe(time(now - 9)), .tick(now + 1)]),
      ],
      "offsets": [
        offset(0, sent: now - 50, received: now + 50, server: now + 10),
        offset(0, sent: now - 50, received: now + 50, server: now + 1001),
        offset(0, sent: now - year, received: now - year + 100, server: now),
        offset(year, sent: now - year, received: now - year + 100, server: now),
        offset(0, sent: now + 10 * year, received: now + 10 * year + 41, server: now),
      ],
      "restamped": [
        restamp(
          "a clock ten years ahead", -10 * year,
          [
            (time(now + 10 * year - 90), time(0)), (time(now + 10 * year - 90, 1), time(0)),
            (time(now + 10 * year - 10), time(0)),
          ]),
        restamp(
          "never later than now, in the order in which they were made", year,
          [(time(now - 5), time(0)), (time(now - 4), time(0)), (time(now - year - 1), time(0))]),
        restamp(
          "after what the maker had seen, and after what is acknowledged", -year,
          after: time(now - 2 * year, 7),
          [(time(now - year), time(0)), (time(now - year + 1), time(now - 300))]),
      ],
    ]
  }()
}
