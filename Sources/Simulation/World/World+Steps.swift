import RoostCore
import SyncClient
import SyncProtocol
import Transport

extension World {
  /// One step, as chance has it.
  func step(_ number: Int) async throws {
    passTime()
    guard server.isUp else { return try await recover() }
    if versions != nil { try await renew(at: number) }
    guard let device = chance.pick(devices) else { return }
    switch chance.below(100) {
    case ..<34: act(device)
    case ..<62: try await exchange(device)
    case ..<70: send(device)
    case ..<77: try await deliver()
    case ..<82: hear()
    case ..<91: try await disturb(device)
    default: try await disturbServer()
    }
    note("\(number) t\(time.wall - WorldTime.begin)")
  }

  private func passTime() {
    time.pass(Int64(chance.below(2000)))
    if chance.once(in: 20) { time.pass(Int64(chance.below(5_400_000))) }
    // Results are kept for 400 days, so years do not pass.
    if weather.has(.purge), chance.once(in: 25), leapt < 250 * 86_400_000 {
      let leap = Int64(1 + chance.below(60)) * 86_400_000
      leapt += leap
      time.pass(leap)
      note("  \(leap / 86_400_000) days pass")
    }
  }

  // MARK: Rounds of a device

  /// A request and its answer, with nothing else in between.
  func exchange(_ device: WorldDevice) async throws {
    guard let letter = compose(device) else { return }
    if device.sendsNothing { return note("  \(device.name) cannot send") }
    guard let reply = try await handle(letter) else { return }
    if device.hearsNothing { return note("  \(device.name) cannot hear") }
    if !isCalm, weather.has(.lost), chance.once(in: 5) {
      return note("  an answer to \(device.name) is lost")
    }
    receive(reply)
  }

  /// A request that will come later, perhaps.
  private func send(_ device: WorldDevice) {
    guard !device.sendsNothing, var letter = compose(device) else { return }
    if weather.has(.lost), chance.once(in: 4) { return note("  a request is lost") }
    if weather.has(.cut), chance.once(in: 4) { cut(&letter) }
    letters.append(letter)
    if weather.has(.doubled), chance.once(in: 3) { letters.append(letter) }
    if letters.count > 12 { letters.removeFirst() }
  }

  /// Ends a request behind one of its frames, or within one.
  ///
  /// In shares of a frame: how many bytes one has is not the same on both engines, and the worlds are
  /// to be.
  private func cut(_ letter: inout Letter) {
    let frames = letter.body.split(separator: 10)
    let whole = chance.below(frames.count + 1)
    let share = chance.below(4)
    var body = frames.prefix(whole).flatMap { $0 + [10] }
    if whole < frames.count { body += frames[whole].prefix(frames[whole].count * share / 4) }
    letter.body = body
    letter.frames = nil
    note("  it is cut behind \(whole) frames and \(share) quarters")
  }

  /// A request arrives, in whatever order.
  private func deliver() async throws {
    guard !letters.isEmpty else { return }
    let letter = letters.remove(at: weather.has(.late) ? chance.below(letters.count) : 0)
    guard let reply = try await handle(letter) else { return }
    replies.append(reply)
    if replies.count > 8 { replies.removeFirst() }
  }

  /// An answer arrives, in whatever order.
  private func hear() {
    guard !replies.isEmpty else { return }
    let reply = replies.remove(at: weather.has(.late) ? chance.below(replies.count) : 0)
    if devices[reply.device].hearsNothing { return }
    receive(reply)
    if weather.has(.doubled), chance.once(in: 4) { receive(reply) }
  }

  // MARK: What befalls devices

  private func disturb(_ device: WorldDevice) async throws {
    switch chance.below(9) {
    case 8 where isDeployed: upgrade(device)
    case 0 where weather.has(.deviceCrash):
      device.crash()
      note("  \(device.name) crashes")
    case 1 where weather.has(.deviceRestore):
      if chance.once(in: 2) || device.copies.isEmpty {
        if device.copies.count < 3 { device.copies.append(device.stored) }
        note("  \(device.name) is copied")
      } else if let copy = chance.pick(device.copies) {
        device.restore(copy)
        note("  \(device.name) is put back to an older copy")
      }
    case 2 where weather.has(.deviceClone):
      guard devices.count < 8 else { return }
      let clone = addDevice(devices.count, person: device.person)
      clone.restore(device.stored)
      clone.isRevoked = device.isRevoked
      note("  \(clone.name) begins as a copy of \(device.name)")
    case 3 where weather.has(.partition):
      device.sendsNothing = chance.once(in: 2)
      device.hearsNothing = chance.once(in: 2)
      note("  \(device.name) sends \(!device.sendsNothing) hears \(!device.hearsNothing)")
    case 4 where weather.has(.hostile): try await attack(device)
    case 5 where weather.has(.skew):
      device.skew += Int64(chance.below(7_200_000)) - 3_600_000
      note("  \(device.name)'s clock is set")
    case 6 where weather.has(.staleToken):
      guard let letter = compose(device) else { return }
      let stale = Letter(
        device: letter.device, life: letter.life, token: String(letter.token.dropLast(3)) + "AAA",
        body: letter.body, frames: letter.frames, sent: letter.sent, collections: letter.collections
      )
      if let reply = try await handle(stale) { receive(reply) }
    case 7 where weather.has(.revoked): try await revoke(device)
    default: break
    }
  }

  /// The owner signs a device out.
  private func revoke(_ device: WorldDevice) async throws {
    let others = devices.filter { $0.person == device.person && !$0.isRevoked && $0 !== device }
    guard chance.once(in: 3), !device.isRevoked, !others.isEmpty,
      let id = device.live.core.device?.id
    else { return }
    let answer = try await server.ask(.delete, "/v1/devices/\(id)", token: others[0].token)
    note("  \(device.name) is revoked: \(answer?.status ?? 0)")
    guard answer?.status == 200 || answer?.status == 204 else { return }
    // Copies of it are the same device.
    for other in devices where other.live.core.device?.id == id || other.token == device.token {
      other.isRevoked = true
    }
  }
}
