import Queries
import RoostCore
import SyncProtocol

extension PlantedBug {
  /// One for each invariant at least.
  package static let all: [PlantedBug] = databases + frames + clients

  /// Faults of what the server writes.
  private static let databases: [PlantedBug] = [
    PlantedBug(
      "a leave is not written", .convergence,
      triggers: [
        """
        CREATE TRIGGER bug_leave AFTER INSERT ON roost_scope_row WHEN NEW.kind = 3 BEGIN \
        DELETE FROM roost_scope_row WHERE stream = NEW.stream AND seq = NEW.seq; END
        """,
        """
        CREATE TRIGGER bug_leave_again AFTER UPDATE ON roost_scope_row WHEN NEW.kind = 3 BEGIN \
        DELETE FROM roost_scope_row WHERE stream = NEW.stream AND seq = NEW.seq; END
        """,
      ]),
    PlantedBug(
      "an operation is forgotten", .oneEffect,
      triggers: [
        """
        CREATE TRIGGER bug_oid AFTER INSERT ON roost_mutation WHEN NEW.number % 2 = 0 BEGIN \
        DELETE FROM roost_mutation WHERE number = NEW.number; END
        """
      ]),
    PlantedBug(
      "an increment counts one more", .counters,
      triggers: [
        """
        CREATE TRIGGER bug_plays AFTER UPDATE OF plays ON gigs WHEN NEW.plays > OLD.plays BEGIN \
        UPDATE gigs SET plays = NEW.plays + 1 WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "the last value stands, not the greatest", .merges,
      triggers: [
        """
        CREATE TRIGGER bug_best AFTER UPDATE OF best ON gigs WHEN NEW.best > 30 BEGIN \
        UPDATE gigs SET best = 30 WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "a document is set, not merged", .merges,
      triggers: [
        """
        CREATE TRIGGER bug_notes AFTER UPDATE OF notes ON gigs WHEN NEW.notes IS NOT NULL BEGIN \
        UPDATE gigs SET notes = '{"k0":{"v":0}}' WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "a price that was taken in is forgotten", .merges,
      triggers: [
        """
        CREATE TRIGGER bug_price AFTER UPDATE OF price ON gigs WHEN OLD.price IS NOT NULL BEGIN \
        UPDATE gigs SET price = OLD.price WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "a poster takes what is up to its person", .merges,
      triggers: [
        """
        CREATE TRIGGER bug_poster AFTER INSERT ON roost_conflict WHEN NEW.mine LIKE '"p%' BEGIN \
        UPDATE gigs SET poster = trim(NEW.mine, '"') WHERE id = NEW.row_id; END
        """
      ]),
    PlantedBug(
      "what a person decided is not taken", .merges,
      triggers: [
        """
        CREATE TRIGGER bug_decided AFTER UPDATE OF poster ON gigs WHEN EXISTS (SELECT 1 \
        FROM roost_conflict WHERE row_id = NEW.id AND mine = '"' || NEW.poster || '"') BEGIN \
        UPDATE gigs SET poster = OLD.poster WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "a stage takes what was made on something else", .merges, triggers: [oldClocks("stage")]),
    PlantedBug(
      "a poster takes what was made on something else", .conflicts,
      triggers: [oldClocks("poster")]),
    PlantedBug("the disk says that it synced", .durability, liesAboutSyncs: true),
    PlantedBug(
      "a mask is forgotten", .authority,
      triggers: [
        """
        CREATE TRIGGER bug_mask AFTER INSERT ON roost_scope_row WHEN NEW.mask > 0 BEGIN \
        UPDATE roost_scope_row SET mask = 0 WHERE stream = NEW.stream AND seq = NEW.seq; END
        """
      ]),
    PlantedBug(
      "what a moved row led to is held still", .authority,
      triggers: [
        """
        CREATE TRIGGER bug_edge AFTER DELETE ON roost_scope_edge BEGIN \
        INSERT OR IGNORE INTO roost_scope_edge VALUES (OLD.parent, OLD.child, OLD.by_coll, \
        OLD.by_id); END
        """
      ]),
    PlantedBug(
      "what a row leads to is not held", .convergence,
      triggers: [
        """
        CREATE TRIGGER bug_no_edge AFTER INSERT ON roost_scope_edge BEGIN \
        DELETE FROM roost_scope_edge WHERE by_id = NEW.by_id; END
        """
      ]),
    PlantedBug(
      "a sequence skips", .density,
      triggers: [
        """
        CREATE TRIGGER bug_seq AFTER UPDATE OF seq ON roost_scope_head WHEN NEW.seq % 5 = 0 BEGIN \
        UPDATE roost_scope_head SET seq = NEW.seq + 1 WHERE stream = NEW.stream; END
        """
      ]),
    PlantedBug(
      "a sequence skips, and so does its entry", .density,
      triggers: [
        """
        CREATE TRIGGER bug_skip AFTER INSERT ON roost_scope_row WHEN NEW.seq % 5 = 0 AND NEW.seq = \
        (SELECT seq FROM roost_scope_head WHERE stream = NEW.stream) BEGIN \
        UPDATE roost_scope_row SET seq = NEW.seq + 1 WHERE stream = NEW.stream AND seq = NEW.seq; \
        UPDATE roost_scope_head SET seq = NEW.seq + 1 WHERE stream = NEW.stream; END
        """
      ]),
    PlantedBug(
      "two entries change places", .density,
      triggers: [
        """
        CREATE TRIGGER bug_order AFTER INSERT ON roost_scope_row WHEN NEW.seq % 5 = 0 AND EXISTS \
        (SELECT 1 FROM roost_scope_row WHERE stream = NEW.stream AND seq = NEW.seq - 1) BEGIN \
        UPDATE roost_scope_row SET seq = 0 WHERE stream = NEW.stream AND seq = NEW.seq - 1; \
        UPDATE roost_scope_row SET seq = NEW.seq - 1 WHERE stream = NEW.stream \
        AND seq = NEW.seq; \
        UPDATE roost_scope_row SET seq = NEW.seq WHERE stream = NEW.stream AND seq = 0; END
        """
      ]),
    PlantedBug(
      "a clock is not held back", .clocks,
      triggers: [
        """
        CREATE TRIGGER bug_clock AFTER INSERT ON roost_client BEGIN \
        UPDATE roost_client SET clock = NEW.clock + 7864320000 WHERE cid = NEW.cid \
        AND lane = NEW.lane; END
        """
      ]),
    PlantedBug(
      "the stamp of a title is not held back", .clocks,
      triggers: [
        // Its field has the stamp of a clock that is ten years ahead, all others have none.
        """
        CREATE TRIGGER bug_stamp AFTER UPDATE OF title ON gigs WHEN NEW.title IS NOT OLD.title BEGIN \
        UPDATE gigs SET "_clocks" = CAST(x'010000000000000000000001' || (SELECT char(f.number) \
        FROM roost_field f JOIN roost_collection c ON c.number = f.collection \
        WHERE c.name = 'gigs' AND f.name = 'title') || x'01ec4aeaa00000000000' AS BLOB) \
        WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "an old device erases what it does not know", .lenses,
      laterTriggers: [
        """
        CREATE TRIGGER bug_mood AFTER UPDATE OF title ON gigs BEGIN \
        UPDATE gigs SET mood = NULL WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "a lens forgets what a counter was called", .lenses,
      triggers: [
        """
        CREATE TRIGGER bug_was AFTER INSERT ON roost_schema_version WHEN NEW.number > 1 BEGIN \
        UPDATE roost_schema_version SET source = replace(NEW.source, ' @was(name: "plays")', '') \
        WHERE number = NEW.number; END
        """
      ]),
    PlantedBug(
      "an edit of a renamed field erases an unknown one", .lenses,
      renamedTriggers: [
        """
        CREATE TRIGGER bug_renamed AFTER UPDATE OF shows, labels, remarks ON gigs BEGIN \
        UPDATE gigs SET mood = NULL WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "a conflict opens again", .conflicts,
      triggers: [
        """
        CREATE TRIGGER bug_conflict AFTER UPDATE OF state ON roost_conflict \
        WHEN NEW.state = 1 AND NEW.resolution IS NOT NULL \
        BEGIN UPDATE roost_conflict SET state = 0 WHERE id = NEW.id; END
        """
      ]),
    PlantedBug(
      "a conflict stays when its row goes", .conflicts,
      triggers: [
        """
        CREATE TRIGGER bug_abandoned AFTER UPDATE OF state ON roost_conflict \
        WHEN NEW.state = 1 AND NEW.resolution IS NULL \
        BEGIN UPDATE roost_conflict SET state = 0 WHERE id = NEW.id; END
        """
      ]),
  ]

  /// Has a row keep its clocks where nothing but this field changes, so that an edit which was made
  /// on an older value seems to be made on what stands.
  private static func oldClocks(_ field: String) -> SQL {
    let others = ["title", "notes", "streak", "price", "stage", "poster", "plan"]
      .filter { $0 != field }
      .map { "NEW.\(identifier: $0) IS OLD.\(identifier: $0)" as SQL }
    return """
      CREATE TRIGGER \(identifier: "bug_on_" + field) AFTER UPDATE OF \(identifier: field) ON gigs \
      WHEN \(others.joined(by: " AND ")) BEGIN \
      UPDATE gigs SET "_clocks" = OLD."_clocks" WHERE id = NEW.id; END
      """
  }

  /// Faults of what the server says.
  private static let frames: [PlantedBug] = [
    PlantedBug("a drop is not told", .convergence) { frames, _ in
      frames.rewrite { frame in
        if case .welcome(var welcome) = frame {
          welcome.drop = []
          frame = .welcome(welcome)
        }
      }
    },
    PlantedBug("a row comes in words of now", .convergence) { frames, _ in
      guard case .welcome(let welcome)? = frames.first, welcome.schema.lens != nil else { return }
      frames.rewriteDeltas { delta in
        for index in delta.entries.indices where delta.entries[index].row.collection == "gigs" {
          guard let plays = delta.entries[index].fields["plays"] else { continue }
          delta.entries[index].fields["plays"] = nil
          delta.entries[index].fields["shows"] = plays
        }
      }
    },
    PlantedBug("an entry is lost on the way", .snapshot) { frames, chance in
      frames.rewriteDeltas { delta in
        if chance.once(in: 3), delta.entries.count > 1 { delta.entries.removeLast() }
      }
    },
    PlantedBug("a page begins one entry too late", .completeness) { frames, chance in
      frames.rewriteDeltas { delta in
        if chance.once(in: 3), delta.entries.count > 1 { delta.entries.removeFirst() }
      }
    },
    PlantedBug("a refusal is told as a success", .nothingLost) { frames, _ in
      frames.rewrite { frame in
        if case .pushed(var pushed) = frame {
          pushed.results = pushed.results.map {
            $0.outcome == .rejected ? MutationResult(seq: $0.seq, .ok) : $0
          }
          frame = .pushed(pushed)
        }
      }
    },
    PlantedBug("a cursor goes back", .monotony) { frames, chance in
      let isNow = chance.once(in: 4)
      frames.rewriteCommits { commit in
        if isNow { commit.heads = commit.heads.mapValues { max(0, $0 - 5) } }
      }
    },
    PlantedBug("a commit names too few mutations", .inclusion) { frames, chance in
      let isNow = chance.once(in: 4)
      frames.rewriteCommits { commit in
        if isNow { commit.last = commit.last.mapValues { max(0, $0 - 1) } }
      }
    },
    PlantedBug("a removal comes as a put", .noReturn) { frames, _ in
      frames.rewriteDeltas { delta in
        for index in delta.entries.indices where delta.entries[index].kind == .delete {
          delta.entries[index].kind = .put
        }
      }
    },
    PlantedBug("a removal has values", .removals) { frames, _ in
      frames.rewriteDeltas { delta in
        for index in delta.entries.indices where delta.entries[index].kind != .put {
          delta.entries[index].fields["title"] = "left over"
        }
      }
    },
    PlantedBug("a lane is never acknowledged", .liveness) { frames, _ in
      frames.rewrite { frame in
        if case .pushed(var pushed) = frame {
          pushed.state = .gap
          pushed.status.position.last = 0
          frame = .pushed(pushed)
        }
      }
    },
  ]

  /// Faults of devices.
  private static let clients: [PlantedBug] = [
    PlantedBug(device: "a device sends what is to stay on it", .secrecy) { frames, world in
      guard world.chance.once(in: 5), case .hello(var hello)? = frames.first else { return }
      hello.mark = WorldSchema.secret
      frames[0] = .hello(hello)
    },
    PlantedBug(device: "a device does not bring again what a restored server lost", .healing) {
      frames, world in
      frames.rewrite { frame in
        if case .push(var push) = frame {
          push.mutations.removeAll { world.ledger.everAnswered.contains($0.oid) }
          frame = .push(push)
        }
      }
      frames.removeAll { if case .push(let push) = $0 { push.mutations.isEmpty } else { false } }
    },
  ]

  private init(
    _ name: String, _ invariant: Invariant,
    _ answered: @escaping @Sendable (inout [Frame], inout Chance) -> Void
  ) {
    self.init(name, invariant, answered: answered)
  }

  private init(
    device name: String, _ invariant: Invariant,
    _ asked: @escaping @Sendable (inout [Frame], World) -> Void
  ) {
    self.init(name, invariant, asked: asked)
  }
}

extension [Frame] {
  fileprivate mutating func rewrite(_ body: (inout Frame) -> Void) {
    for index in indices { body(&self[index]) }
  }

  fileprivate mutating func rewriteDeltas(_ body: (inout Delta) -> Void) {
    rewrite { frame in
      guard case .delta(var delta) = frame else { return }
      body(&delta)
      frame = .delta(delta)
    }
  }

  fileprivate mutating func rewriteCommits(_ body: (inout Commit) -> Void) {
    rewrite { frame in
      guard case .commit(var commit) = frame else { return }
      body(&commit)
      frame = .commit(commit)
    }
  }
}
