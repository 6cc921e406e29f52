import Queries
import Records
import RoostCore
import SyncProtocol
import TestEngine
import Testing

/// What devices are told to be in a backup is what its copy holds, or less.
@Suite struct DurableLanesTests {
  private static func durable(_ phone: Phone, _ own: PushHouse) async throws -> LanePosition? {
    let caller = own.house.ann
    let records = own.house.records
    return try await own.house.database.read(.snapshot) { reader in
      try await records.laneStatuses(of: phone.cid, caller, in: reader)[.live]?.durable
    }
  }

  private static func backup(_ number: UInt64, _ own: PushHouse) -> DurableLanes {
    DurableLanes(row(number), on: own.house.database)
  }

  @Test func aBackupHoldsWhatWasThereBeforeItsCopy() async throws {
    try await PushHouse.run { own async throws in
      var phones = [Phone(1), Phone(2), Phone(3)]
      for index in phones.indices {
        phones[index].make([.note(row(UInt64(index) + 1), ["title": "a"])])
        _ = try await own.push(phones[index].push())
      }
      let noted = phones.map(\.position)
      let backup = DurableLanesTests.backup(90, own)
      try await backup.note()
      #expect(try await DurableLanesTests.durable(phones[0], own) == nil)
      phones[0].make([.edit(row(1), ["title": "b"])])
      _ = try await own.push(phones[0].last)
      try await backup.confirm()
      for (phone, position) in zip(phones, noted) {
        #expect(try await DurableLanesTests.durable(phone, own) == position)
      }
      #expect(phones[0].position != noted[0])
    }
  }

  @Test func aBackupThatFailedPromisesNothing() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), ["title": "a"])])
      _ = try await own.push(phone.push())
      let (former, failing) = (
        DurableLanesTests.backup(90, own), DurableLanesTests.backup(91, own)
      )
      try await former.note()
      phone.make([.edit(row(1), ["title": "b"])])
      _ = try await own.push(phone.last)
      try await failing.note()
      // The copy of the former one lacks what the failing one wrote down.
      try await former.confirm()
      #expect(try await DurableLanesTests.durable(phone, own) == nil)
      let next = DurableLanesTests.backup(92, own)
      try await next.note()
      try await next.confirm()
      #expect(try await DurableLanesTests.durable(phone, own) == phone.position)
    }
  }
}
