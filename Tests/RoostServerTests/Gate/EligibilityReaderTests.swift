import Records
import RoostServer
import Schema
import Sync
import Testing

@Suite("Measures, the gate, tiers and features in roost.yaml")
struct EligibilityReaderTests {
  private static let schema = """
    enum Plan { FREE PRO }
    type Journey @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      xp: Int!
      name: String
      scores: [Int!]
    }
    type Session @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      minutes: Float
      mood: Int @encrypted(mode: SERVER)
      isDone: Boolean! @default(value: "true")
    }
    type News @collection(name: "news") @allow(ops: [READ]) { text: String }
    type Local @collection @sync(tier: LOCAL_ONLY) @allow(ops: [ALL], owner: "owner") {
      owner: User!
      xp: Int
    }
    type Subscription @collection @allow(ops: [READ], owner: "owner") {
      owner: User!
      plan: Plan! @serverOnly @default(value: "FREE")
      word: String @serverOnly
      wish: Plan
    }
    """

  private func read(_ yaml: String) throws -> Eligibility {
    let settings = try Settings(
      file: ("roost.yaml", Array(yaml.utf8)), environment: [:], flags: [:])
    return try EligibilityReader.eligibility(
      settings, try SchemaModel.load(source: EligibilityReaderTests.schema))
  }

  @Test("Nothing is declared where the file says nothing")
  func nothing() throws {
    let found = try read("server:\n  port: 1\n")
    #expect(found.gate == nil && found.measures.isEmpty && found.features.isEmpty)
  }

  @Test("All that can be declared")
  func everything() throws {
    let found = try read(
      """
      measures:
        level: {field: journeys.xp, levels: [0, 10, 2.5e1], label: your level}
        sessions: {count: sessions, where: "isDone && minutes > 1"}
        minutes: {sum: sessions.minutes, trust: server}
        local: {field: locals.xp, trust: device}
        age: {account: age}
        days: {account: age, trust: device}
      gate:
        trust: device
        requires: {level: 3, age: 7, sessions: 0.5}
      tiers: {field: subscriptions.plan}
      features:
        plain:
        more: {after: [plain, sync], tier: PRO, requires: {level: 2}, label: More of it}
      """)
    #expect(found.measures.map(\.name) == ["level", "sessions", "minutes", "local", "age", "days"])
    #expect(found.measures.map(\.takesClaims) == [true, true, false, true, false, true])
    #expect(found.measures[0].label == "your level")
    #expect(found.measures[0].levels == [0, 10, 25])
    let gate = try #require(found.gate)
    #expect(!gate.guardsREST)
    #expect(gate.requirements.map(\.measure) == [0, 4, 1])
    #expect(gate.requirements.map(\.least) == [3, 7, 0.5])
    #expect(found.tiers?.names == ["FREE", "PRO"])
    #expect(found.features.map(\.name) == ["plain", "more"])
    #expect(found.features[1].after == [0])
    #expect(found.features[1].needsSync)
    #expect(found.features[1].tier == 1)
  }

  static let faults: [(yaml: String, message: String)] = [
    ("measures: 5", "1:11: measures holds declarations"),
    ("measure: {}", "1:1: unknown setting \"measure\"; did you mean measures?"),
    ("measures: {9x: {account: age}}", "1:12: a measure's name is made of letters"),
    ("measures: {x: {}}", "1:15: x comes from one place"),
    (
      "measures: {x: {feild: journeys.xp}}",
      "1:16: unknown setting \"feild\" of x; did you mean field?"
    ),
    ("measures: {x: {account: age, count: sessions}}", "1:30: x comes from one place"),
    ("measures: {x: {account: name}}", "1:25: of the account there is its age"),
    ("measures: {x: {account: age, where: isDone}}", "1:30: where belongs to records"),
    ("measures: {x: {field: xp}}", "1:23: field names a field of a collection"),
    ("measures: {x: {field: [a]}}", "1:23: field names a field of a collection"),
    ("measures: {x: {field: journey.xp}}", "no collection \"journey\"; did you mean journeys?"),
    ("measures: {x: {field: journeys.xq}}", "journeys has no field \"xq\"; did you mean xp?"),
    ("measures: {x: {field: journeys.name}}", "name is no number, but String"),
    ("measures: {x: {field: journeys.scores}}", "scores is a list"),
    ("measures: {x: {count: news}}", "1:23: nobody owns the records of news"),
    ("measures: {x: {count: locals}}", "the records of locals never leave a device"),
    ("measures: {x: {count: sessions, where: isDne}}", "1:40: where: "),
    ("measures: {x: {count: sessions, where: \"minutes +\"}}", "where: "),
    ("measures: {x: {count: sessions, trust: me}}", "1:40: trust takes server or device"),
    ("measures: {x: {count: sessions, levels: 5}}", "levels lists where each level begins"),
    ("measures: {x: {count: sessions, levels: [0, 5, 5]}}", "1:48: each level begins at"),
    ("measures: {x: {count: sessions, label: \"\"}}", "label is a text for people"),
    ("gate: on", "1:7: gate holds settings: trust, requires, rest"),
    ("gate: {trust: device}", "1:1: a gate says what opens it"),
    ("gate: {require: {}}", "unknown setting \"require\" of gate; did you mean requires?"),
    ("gate: {requires: {}}", "1:18: requires names measures"),
    ("gate: {requires: {level: 5}}", "1:19: there is no measure \"level\""),
    (
      "measures: {level: {account: age}}\ngate: {requires: {levle: 5}}",
      "2:19: there is no measure \"levle\"; did you mean level?"
    ),
    (
      "measures: {x: {account: age}}\ngate: {requires: {x: many}}",
      "2:22: x has to be at least a number"
    ),
    ("measures: {x: {account: age}}\ngate: {requires: {x: -1}}", "x has to be at least a number"),
    (
      "measures: {x: {account: age}}\ngate: {requires: {x: 1}, rest: maybe}",
      "2:32: rest takes true or false"
    ),
    ("tiers: {}", "tiers says their order"),
    ("tiers: {order: [free]}", "1:16: order lists the tiers from the least"),
    ("tiers: {order: [free, free]}", "1:23: each tier is a name, given once"),
    ("tiers: {field: subscriptions.wish}", "wish must be @serverOnly"),
    ("tiers: {field: subscriptions.word}", "a String with order: beside it"),
    (
      "tiers: {field: subscriptions.plan, order: [FREE, PRP]}",
      "has no value \"PRP\"; did you mean PRO?"
    ),
    ("features: {sync: {}}", "1:12: sync is what the gate opens"),
    ("features: {\"a b\": {}}", "a feature's name is made of letters"),
    ("features: {a: 5}", "1:15: a holds settings: label, requires, tier, after"),
    ("features: {a: {tier: pro}}", "no tiers are declared"),
    (
      "tiers: {order: [free, pro]}\nfeatures: {a: {tier: por}}",
      "2:22: there is no tier \"por\"; did you mean pro?"
    ),
    ("features: {alpha: {}, b: {after: alpho}}", "no feature \"alpho\"; did you mean alpha?"),
    ("measures: {x: {sum: sessions.mood}}", "sessions.mood is under @encrypted"),
    ("features: {a: {after: a}}", "1:12: these features wait for one another: a after a"),
    (
      "features: {a: {after: b}, b: {after: [d, c]}, c: {after: b}, d: }",
      "1:27: these features wait for one another: b after c after b"
    ),
  ]

  @Test("A fault is refused with its place", arguments: faults)
  func fault(yaml: String, message: String) {
    #expect {
      try read(yaml)
    } throws: { error in
      let text = "\(error)"
      return text.hasPrefix("roost.yaml:") && text.contains(message)
    }
  }
}
