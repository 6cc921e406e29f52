import RoostCore
import Schema
import Testing

@Suite struct ReferenceSchemaTests {
  private func reference() throws -> SchemaModel {
    try SchemaModel.load(source: ReferenceSchema.bandstand, stage: .everything)
  }

  @Test func itLoadsCompletely() throws {
    let model = try reference()
    #expect(
      model.collections.map(\.name) == [
        "musicianProfiles", "bands", "bandMembers", "venues", "setLists", "performances",
        "bookings", "goals", "settingses",
      ])
    let roles = try #require(model.roles)
    #expect(roles.names == ["musician", "support", "admin"])
    #expect(roles.closure["admin"] == ["admin", "support", "musician"])
    #expect(roles.closure["musician"] == ["musician"])
    #expect(model.enums.map(\.name) == ["Role", "BandRole"])
    #expect(model.enums.last?.values == ["MEMBER", "LEADER", "MANAGER"])
  }

  @Test func itLoadsBesideThePreludeVerbatim() throws {
    let source = ReferenceSchema.prelude + "\n" + ReferenceSchema.bandstand
    let model = try SchemaModel.load(source: source, stage: .everything)
    #expect(model.collections.count == 9)
  }

  @Test func itsFieldsAreModelled() throws {
    let model = try reference()
    let performance = try #require(model.collection(named: "performances"))
    let band = try #require(performance.field(named: "band"))
    #expect(band.type == .reference(typeName: "Band"))
    #expect(!band.isRequired)
    #expect(band.relation?.onDelete == .setNull)
    #expect(band.relation?.inverse == "performances")
    #expect(band.relation?.referenceCheck == .visibleOnChange)
    let duration = try #require(performance.field(named: "duration"))
    #expect(duration.type == .duration)
    #expect(duration.constraint?.exclusiveMin == 0)
    #expect(performance.field(named: "date")?.constraint?.temporal == .past)
    #expect(performance.field(named: "locked")?.defaultValue == .bool(false))
    #expect(performance.field(named: "locked")?.isServerOnly == true)
    #expect(performance.field(named: "notes")?.encryption?.mode == .client)
    #expect(performance.field(named: "payment")?.personalData?.onErase == .delete)
    #expect(performance.denies.first?.exceptRoles == ["admin"])
    #expect(performance.retentions.first?.duration.description == "P30D")
    #expect(performance.sync.window?.description == "P730D")
    #expect(performance.analytics?.measures == ["payment", "audienceSize"])
    #expect(performance.indexes.map(\.fields) == [["owner", "date"], ["band", "date"]])
    #expect(performance.allows.last?.except == ["payment", "notes"])
  }

  @Test func itsRelationsHaveTwoSides() throws {
    let model = try reference()
    let band = try #require(model.collection(ofType: "Band"))
    #expect(band.fields.map(\.name) == ["name", "founder"])
    #expect(band.inverses.map(\.name) == ["members", "setLists", "performances"])
    #expect(band.inverses.map(\.typeName) == ["BandMember", "SetList", "Performance"])
    #expect(band.inverses.map(\.field) == ["band", "band", "band"])
    let member = try #require(model.collection(ofType: "BandMember"))
    #expect(member.indexes.first?.isUnique == true)
    #expect(member.field(named: "role")?.defaultValue == .text("MEMBER"))
    #expect(member.field(named: "user")?.relation?.referenceCheck == Relation.ReferenceCheck.none)
    #expect(member.merge == .serverWins)
  }

  @Test func itsMergesAreModelled() throws {
    let model = try reference()
    let profile = try #require(model.collection(ofType: "MusicianProfile"))
    #expect(profile.field(named: "genres")?.merge == .setUnion)
    #expect(profile.field(named: "genres")?.defaultValue == .json(.array([])))
    #expect(profile.field(named: "stageName")?.search?.weight == 3)
    #expect(profile.allows.last?.audience == .everyone)
    let goal = try #require(model.collection(ofType: "Goal"))
    #expect(goal.field(named: "progress")?.merge == .counter)
    #expect(model.collection(ofType: "Settings")?.merge == .mergeDeep)
    #expect(model.collection(ofType: "Booking")?.merge == .reject)
    #expect(model.collection(ofType: "Booking")?.checks.first?.expression == "endsAt > startsAt")
  }

  @Test func thisVersionRefusesWhatItDoesNotEnforce() throws {
    let error = try #require(throws: SchemaError.self) {
      try SchemaModel.load(source: ReferenceSchema.bandstand)
    }
    let messages = error.faults.map(\.message)
    #expect(messages.allSatisfy { $0.contains("is not enforced by this version of Roost") })
    #expect(!messages.contains { $0.hasPrefix("@retention ") })
    #expect(messages.contains { $0.hasPrefix("@encrypted(mode: CLIENT) ") })
    #expect(error.faults.map(\.location.line) == error.faults.map(\.location.line).sorted())
  }
}
