import RoostCore
import SyncProtocol
import Transport

/// The rows that a person may see at one moment, as REST answers them: by the rules in SQL, which
/// share nothing with the streams.
struct ServerView {
  private(set) var rows: [String: [UUID: JSONObject]] = [:]

  /// Members that every row has, and those that stay on devices: not compared.
  static func passesOver(_ member: String) -> Bool {
    switch member {
    case "id", "version", "createdAt", "updatedAt", "sketch": true
    default: false
    }
  }

  /// Asks for the rows of a person, in the words of an older version where one is named; nil where
  /// the server is down.
  static func of(
    _ token: String, on server: WorldServer, _ collections: [String],
    version: String? = nil
  ) async throws -> ServerView? {
    var view = ServerView()
    for collection in collections {
      var found: [UUID: JSONObject] = [:]
      var after: String?
      repeat {
        let path = "/v1/\(collection)?limit=200" + (after.map { "&after=\($0)" } ?? "")
        guard let answer = try await server.ask(.get, path, token: token, version: version)
        else { return nil }
        guard answer.status == 200, let page = try? JSON.parse(answer.body).object else {
          throw WorldFault(
            "GET \(path) answered \(answer.status): \(String(decoding: answer.body, as: UTF8.self))"
          )
        }
        for item in page["items"]?.array ?? [] {
          guard let row = item.object, let id = row["id"]?.string.flatMap({ UUID($0) }) else {
            continue
          }
          found[id] = ServerView.compared(row)
        }
        after = page["next"]?.string
      } while after != nil
      view.rows[collection] = found
    }
    return view
  }

  /// The same in the words of the first version, with what that does not know.
  var inFirstWords: ServerView {
    var view = ServerView()
    for (name, found) in rows {
      view.rows[WorldWords.firstCollection(name)] = found.mapValues { row in
        ServerView.compared(WorldWords.first(row, of: name))
      }
    }
    return view
  }

  /// What of a row is compared: no nulls, since a device may lack what is null.
  static func compared(_ row: JSONObject) -> JSONObject {
    JSONObject(
      uniqueMembers: row.members.filter { member in
        !member.value.isNull && !passesOver(member.key)
      })
  }

  /// Where rows of a device differ, in words; nil where they do not.
  func difference(
    from rows: [UUID: JSONObject], in collection: String, among known: Set<String>? = nil
  ) -> String? {
    let own = self.rows[collection] ?? [:]
    for id in own.keys.sorted() where rows[id] == nil {
      return "\(collection)/\(id) is missing on the device"
    }
    for id in rows.keys.sorted() {
      guard var server = own[id] else { return "\(collection)/\(id) is on the device alone" }
      let device = ServerView.compared(rows[id] ?? JSONObject())
      if let known {
        server = JSONObject(uniqueMembers: server.members.filter { known.contains($0.key) })
      }
      guard SameValue.test(.object(device), .object(server)) else {
        return "\(collection)/\(id) is \(JSON.object(device).text) on the device, "
          + "\(JSON.object(server).text) on the server"
      }
    }
    return nil
  }
}
