import RoostCore
import Rules
import Schema
import Testing

/// What rows give to the scopes, by the table of the forms of rules.
@Suite struct ScopeTests {
  static let ann = UUID(high: 0xA, low: 1)
  static let bob = UUID(high: 0xA, low: 2)
  static let bandID = UUID(high: 0xB, low: 1)
  static let listID = UUID(high: 0xC, low: 1)

  private static func book(_ rules: String) throws -> ScopeBook {
    let source = """
      enum Role @roles {
        musician support @inherits(from: ["musician"]) admin @inherits(from: ["support"])
      }
      type Band @collection {
        founder: User! @immutable  manager: User  isOpen: Boolean
        members: [Member!]! @relation(inverse: "band")
      }
      type Member @collection {
        band: Band! @immutable  user: User! @immutable  rank: String
      }
      type SetList @collection { band: Band! @immutable  home: Band  title: String }
      type Song @collection \(rules) {
        owner: User  list: SetList  band: Band  isOpen: Boolean  word: String
      }
      """
    return ScopeBook(try RuleBook(try SchemaModel.load(source: source, stage: .everything)))
  }

  private static func row(_ collection: Int, _ id: UUID, _ values: [FieldValue]) -> RowImage {
    RowImage(
      collection: collection, id: id, createdAt: Timestamp(milliseconds: 0),
      updatedAt: Timestamp(milliseconds: 0), values: values)
  }

  private static func song(
    owner: UUID? = ann, isOpen: FieldValue = .bool(true), word: FieldValue = .text("jazz")
  ) -> RowImage {
    row(
      3, UUID(high: 0xD, low: 1),
      [
        owner.map { .uuid($0) } ?? .null, .uuid(listID), .uuid(bandID), isOpen, word,
      ])
  }

  private static let band = row(
    0, bandID, [.uuid(bob), .uuid(ann), .bool(true)])
  private static let list = row(2, listID, [.uuid(bandID), .uuid(bandID), .text("t")])

  /// The texts of a row's scopes, and what had to be loaded for them.
  private static func scopes(_ book: ScopeBook, _ row: RowImage) -> ([String], Int) {
    var resolved = ResolvedRows()
    var loaded = 0
    while true {
      let missing = book.missing(for: row, resolved)
      if missing.isEmpty { break }
      for key in missing {
        loaded += 1
        resolved.insert(key.id == bandID ? band : list)
      }
    }
    let entries = book.entries(of: row, resolved)
    return (
      entries.map { "\($0.scope.text) \($0.mask.text(in: book.model.collections[3]))" }, loaded
    )
  }

  @Test(arguments: [
    (#"@allow(ops: [READ], to: PUBLIC)"#, ["public *"], 0),
    (#"@allow(ops: [READ])"#, ["users *"], 0),
    (#"@allow(ops: [READ], to: ANONYMOUS)"#, ["anonymous *"], 0),
    (#"@allow(ops: [READ], when: "!ctx.anonymous")"#, ["account *"], 0),
    (
      #"@allow(ops: [READ], to: PUBLIC, roles: ["musician", "admin"])"#, ["role:musician *"], 0
    ),
    (#"@allow(ops: [READ], roles: ["support"])"#, ["users&role:support *"], 0),
    (#"@allow(ops: [READ], owner: "owner")"#, ["user:\(ann) *"], 0),
    (#"@allow(ops: [READ], when: "owner == ctx.uid")"#, ["user:\(ann) *"], 0),
    (#"@allow(ops: [READ], when: "word in ctx.claims")"#, ["users&claim:jazz *"], 0),
    (#"@allow(ops: [READ], owner: "band.founder")"#, ["user:\(bob) *"], 1),
    (#"@allow(ops: [READ], owner: "band.manager")"#, ["Band:\(bandID)#manager *"], 0),
    (#"@allow(ops: [READ], owner: "list.band.founder")"#, ["user:\(bob) *"], 2),
    (#"@allow(ops: [READ], owner: "list.home.founder")"#, ["SetList:\(listID)#home.founder *"], 0),
    (#"@allow(ops: [READ], owner: "list.band.manager")"#, ["Band:\(bandID)#manager *"], 1),
    (
      #"@allow(ops: [READ], owner: "list.band.founder", when: "list.title == 't'")"#,
      [#"SetList:\#(listID)#band.founder!title=="t" *"#], 0
    ),
    (#"@allow(ops: [READ], member: "band.members.user")"#, ["Band:\(bandID)#members.user *"], 0),
    (
      #"@allow(ops: [READ], member: "band.members.user", having: "rank in ['a', 'b&c']")"#,
      [#"Band:\#(bandID)#members[rank=["a","b%26c"]].user *"#], 0
    ),
    (
      #"@allow(ops: [READ], member: "band.members.user", when: "band.isOpen && isOpen")"#,
      ["Band:\(bandID)#members.user!isOpen *"], 0
    ),
    (#"@allow(ops: [READ], to: PUBLIC, when: "isOpen")"#, ["public *"], 0),
    (#"@allow(ops: [READ], to: PUBLIC, when: "!isOpen")"#, [], 0),
    // One entry a scope, with the masks of both rules.
    (
      #"@allow(ops: [READ], owner: "owner", fields: ["word"]) "#
        + #"@allow(ops: [READ], when: "owner == ctx.uid", fields: ["isOpen"])"#,
      ["user:\(ann) isOpen,word"], 0
    ),
    // A narrower scope with no more fields is left out, and one with more stays.
    (
      #"@allow(ops: [READ], owner: "owner", fields: ["word"]) @allow(ops: [READ], to: PUBLIC)"#,
      ["public *"], 0
    ),
    (
      #"@allow(ops: [READ], owner: "owner") @allow(ops: [READ], to: PUBLIC, fields: ["word"])"#,
      ["public word", "user:\(ann) *"], 0
    ),
    (
      #"@allow(ops: [READ], to: PUBLIC) @deny(ops: [READ], when: "isOpen", exceptRoles: ["admin"])"#,
      ["role:admin *"], 0
    ),
    (#"@allow(ops: [READ], to: PUBLIC) @deny(ops: [READ], when: "isOpen")"#, [], 0),
    (#"@allow(ops: [READ], to: PUBLIC) @deny(ops: [READ], when: "!isOpen")"#, ["public *"], 0),
  ])
  func everyFormOfRuleHasItsScope(_ rules: String, _ expected: [String], _ loaded: Int) throws {
    let book = try ScopeTests.book(rules)
    let (found, count) = ScopeTests.scopes(book, ScopeTests.song())
    #expect(found == expected)
    #expect(count == loaded)
    #expect(book.onlineOnly.isEmpty)
  }

  @Test(arguments: [
    (#"@allow(ops: [READ], when: "owner != ctx.uid")"#, "no scope says"),
    (#"@allow(ops: [READ], to: PUBLIC, when: "!ctx.anonymous")"#, "no scope says"),
    (#"@allow(ops: [READ], when: "!(word in ctx.claims)")"#, "no scope says"),
    (#"@allow(ops: [READ], when: "band.isOpen")"#, "another row"),
    (#"@allow(ops: [READ], when: "band.founder == ctx.uid")"#, "another row"),
    (
      #"@allow(ops: [READ], member: "band.members.user", when: "list.title == 't'")"#, "another row"
    ),
    (
      #"@allow(ops: [READ], member: "band.members.user", when: "band.isOpen || isOpen")"#,
      "another row"
    ),
    // TRUE where there is no band at all.
    (
      #"@allow(ops: [READ], member: "band.members.user", when: "band.isOpen == null")"#,
      "another row"
    ),
  ])
  func whatHasNoScopeIsOnlineOnly(_ rules: String, _ reason: String) throws {
    let book = try ScopeTests.book(rules)
    #expect(book.onlineOnly.count == 1)
    #expect(book.onlineOnly.first?.reason.contains(reason) == true)
    #expect(ScopeTests.scopes(book, ScopeTests.song()).0.isEmpty)
    #expect(!book.isClosed(3))
  }

  @Test(arguments: ["owner == ctx.uid", "band.isOpen", "ctx.anonymous"])
  func aDenialOfTheCallerOrOfARelationClosesTheCollection(_ when: String) throws {
    let book = try ScopeTests.book(
      #"@allow(ops: [READ], to: PUBLIC) @deny(ops: [READ], when: "\#(when)")"#)
    #expect(book.isClosed(3))
    #expect(ScopeTests.scopes(book, ScopeTests.song()).0.isEmpty)
    let other = try ScopeTests.book(
      #"@allow(ops: [READ], to: PUBLIC) @deny(ops: [UPDATE], when: "\#(when)")"#)
    #expect(!other.isClosed(3))
    #expect(ScopeTests.scopes(other, ScopeTests.song()).0 == ["public *"])
  }

  @Test func membershipsGiveGrantsAndReferencesGiveEdges() throws {
    let book = try ScopeTests.book(
      #"@allow(ops: [READ], owner: "list.home.manager") "#
        + #"@allow(ops: [READ], member: "band.members.user", having: "rank == 'a'", "#
        + #"when: "band.isOpen")"#)
    let members = Scope.path(
      PathScope(type: "Band", id: ScopeTests.bandID, path: #"members[rank=="a"].user"#))
    let open = Scope.path(
      PathScope(type: "Band", id: ScopeTests.bandID, path: #"members[rank=="a"].user!isOpen"#))
    let manager = Scope.path(PathScope(type: "Band", id: ScopeTests.bandID, path: "manager"))
    let listed = Scope.path(PathScope(type: "SetList", id: ScopeTests.listID, path: "home.manager"))
    #expect(
      book.contributions(of: ScopeTests.band)
        == [.edge(parent: members, child: open), .grant(user: ScopeTests.ann, scope: manager)])
    #expect(
      book.contributions(of: ScopeTests.list) == [.edge(parent: manager, child: listed)])
    func member(_ rank: String, isDeleted: Bool = false) -> RowImage {
      ScopeTests.row(
        1, UUID(high: 0xE, low: 1),
        [.uuid(ScopeTests.bandID), .uuid(ScopeTests.bob), .text(rank)]
      ).with(isDeleted: isDeleted)
    }
    #expect(
      book.contributions(of: member("a")) == [.grant(user: ScopeTests.bob, scope: members)])
    #expect(book.contributions(of: member("b")).isEmpty)
    #expect(book.contributions(of: member("a", isDeleted: true)).isEmpty)
    var held = HeldScopes(CallerFacts(Caller(uid: ScopeTests.bob), nil), grants: [members])
    #expect(held.takeUnexplored() == [members])
    #expect(!held.atoms.contains(open))
    held.add([open, members])
    #expect(held.takeUnexplored() == [open])
    #expect(held.atoms == [.everyone, .users, .account, .user(ScopeTests.bob), members, open])
  }

  @Test func storedTextsAreReadBack() throws {
    let atoms: [Scope] = [
      .everyone, .users, .account, .anonymous, .user(ScopeTests.ann), .role(named: "admin"),
      .claim(named: "a&b#c %\u{e9}"),
      .path(PathScope(type: "user", id: ScopeTests.bob, path: #"a[b=="%26"].c!d"#)),
    ]
    for atom in atoms { #expect(Scope(text: atom.text) == atom) }
    let texts = atoms.map(\.text).joined()
    #expect(texts.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
    let both = try #require(
      ScopeConjunction([.claim(named: "a&b"), .users, .role(named: "x"), .everyone], nil))
    #expect(both.text == "users&role:x&claim:a%26b")
    #expect(ScopeConjunction(text: both.text) == both)
    #expect(ScopeConjunction(text: "users&nobody") == nil)
    #expect(Scope(text: "user:17") == nil)
    #expect(ScopeConjunction([.user(ScopeTests.ann), .user(ScopeTests.bob)], nil) == nil)
    #expect(ScopeConjunction([.anonymous, .account], nil) == nil)
    #expect(Scope.claim(named: "\u{e9}") != Scope.claim(named: "e\u{301}"))
  }

  @Test func masksAreStoredByTheirNames() throws {
    let song = try ScopeTests.book("@allow(ops: [READ])").model.collections[3]
    let mask = FieldSet([0, 4])
    #expect(mask.text(in: song) == "owner,word")
    #expect(FieldSet(text: "owner,word,gone", in: song) == mask)
    let all = FieldSet(count: song.fields.count)
    #expect(all.text(in: song) == "*")
    #expect(FieldSet(text: "*", in: song) == all)
    #expect(FieldSet().text(in: song) == "" && FieldSet(text: "", in: song).isEmpty)
  }

  @Test func theSignatureTellsRulesApart() throws {
    let member = #"@allow(ops: [READ], member: "band.members.user")"#
    func signature(_ rules: String, _ collection: Int = 3) throws -> String {
      try ScopeTests.book(rules).signature(of: collection)
    }
    let plain = try signature(member)
    #expect(try signature(member + #" @allow(ops: [UPDATE], owner: "owner")"#) == plain)
    let both = #"@allow(ops: [READ], owner: "owner")"#
    #expect(try signature(member + " " + both) == signature(both + " " + member))
    for other in [
      #"@allow(ops: [READ], member: "band.members.user", having: "rank == 'a'")"#,
      #"@allow(ops: [READ], member: "band.members.user", when: "isOpen")"#,
      #"@allow(ops: [READ], member: "band.members.user", when: "band.isOpen")"#,
      #"@allow(ops: [READ], member: "band.members.user", except: ["word"])"#,
      #"@allow(ops: [READ], member: "band.members.user") @deny(ops: [READ], when: "isOpen")"#,
      #"@allow(ops: [READ], member: "band.members.user") @deny(ops: [READ], when: "band.isOpen")"#,
    ] {
      #expect(try signature(other) != plain)
    }
    // A membership gives other grants where a rule of another collection changes.
    #expect(try signature(member, 1) != signature(both, 1))
  }
}
