package import Accounts
import Queries
package import Records
import RoostCore
package import Transport

/// `/v1/devices`: the devices of whoever asks.
package struct DeviceRoutes: Sendable {
  private static let body = BodyPolicy.buffered(limit: 4096)
  private static let longestName = 80

  private let records: RecordStore
  private let devices: DeviceStore
  private let accounts: AccountStore
  private let identify: SyncRoutes.Identify

  package init(
    records: RecordStore, devices: DeviceStore, accounts: AccountStore,
    identify: @escaping SyncRoutes.Identify
  ) {
    self.records = records
    self.devices = devices
    self.accounts = accounts
    self.identify = identify
  }

  package func add(to router: inout Router) {
    let body = DeviceRoutes.body
    router.add(.get, "/v1/devices", body: body, isClosed: true) { try await list($0) }
    router.add(.patch, "/v1/devices/{id}", body: body) { try await rename($0) }
    router.add(.delete, "/v1/devices/{id}", body: body) { try await revoke($0) }
  }

  private func list(_ request: Request) async throws -> Response {
    let (caller, uid) = try person(request)
    return try await listed(caller, uid)
  }

  private func listed(_ caller: Caller, _ uid: UUID) async throws -> Response {
    let records = records
    let devices = devices
    let (found, heads) = try await records.database.read(.snapshot) { reader in
      (
        try await devices.devices(of: uid, in: reader),
        try await records.reader(caller).heldStreams(in: reader).heads
      )
    }
    var json = JSONWriter()
    json.beginObject()
    json.key("count")
    json.int(Int64(found.count { $0.revokedAt == nil }))
    json.key("items")
    json.beginArray()
    for device in found {
      let behind = heads.reduce(Int64(0)) { sum, head in
        sum + device.missing(of: head)
      }
      DeviceRoutes.write(device, behind: behind, to: &json)
    }
    json.endArray()
    json.endObject()
    return DeviceRoutes.uncached(.json(json.bytes))
  }

  private static func write(_ device: Device, behind: Int64, to json: inout JSONWriter) {
    json.beginObject()
    json.key("id")
    json.uuid(device.id)
    json.key("name")
    json.string(device.name)
    json.key("platform")
    json.string(device.platform)
    json.key("firstSeen")
    json.timestamp(device.firstSeen)
    json.key("lastSeen")
    json.timestamp(device.lastSeen)
    json.key("revokedAt")
    if let at = device.revokedAt { json.timestamp(at) } else { json.null() }
    json.key("client")
    json.uuid(device.client)
    json.key("cursors")
    json.beginObject()
    for (stream, cursor) in device.cursors.sorted(by: { $0.key < $1.key }) {
      json.key(String(stream))
      json.int(cursor)
    }
    json.endObject()
    json.key("entriesBehind")
    json.int(behind)
    json.endObject()
  }

  private func rename(_ request: Request) async throws -> Response {
    let (caller, uid) = try person(request)
    let id = try DeviceRoutes.id(of: request)
    let name = try DeviceRoutes.name(in: request.body)
    guard try await devices.rename(id, of: uid, to: name) else { throw DeviceRoutes.missing }
    return try await listed(caller, uid)
  }

  private func revoke(_ request: Request) async throws -> Response {
    let (caller, uid) = try person(request)
    guard let ended = try await devices.revoke(try DeviceRoutes.id(of: request), of: uid) else {
      throw DeviceRoutes.missing
    }
    var failure: (any Error)?
    if let session = ended.session {
      do {
        try await accounts.logout(Caller(uid: uid, sessionID: session))
      } catch {
        failure = error
      }
    }
    // The device is signed out whatever became of its session; saying it again wakes nobody.
    if ended.isNew { await accounts.announce(uid) }
    if let failure { throw failure }
    // Whoever revokes the device in their hand has signed out: the list is not theirs any more.
    if ended.session == caller.sessionID { return Response(status: 204) }
    return try await listed(caller, uid)
  }

  private func person(_ request: Request) throws -> (Caller, UUID) {
    let caller = try identify(request)
    guard let uid = caller.uid else {
      throw RoostError(
        .unauthenticated, "Sign in and send the access token as Authorization: Bearer.")
    }
    return (caller, uid)
  }

  private static let missing = RoostError(.notFound, "You have no device of this id.")

  private static func id(of request: Request) throws -> UUID {
    guard let id = request.parameters.first.flatMap({ UUID($0) }) else { throw missing }
    return id
  }

  private static func name(in body: [UInt8]) throws -> String {
    let json: JSON
    do throws(JSONError) {
      json = try JSON.parse(body)
    } catch {
      throw RoostError(.malformed, "The body is not valid JSON: \(error).")
    }
    guard let members = json.object, members.count == 1, let name = members["name"]?.string else {
      throw RoostError.invalid("/name", "required", "Send {\"name\": \"…\"}, and nothing else.")
    }
    guard (1...longestName).contains(name.unicodeScalars.count), !name.contains("\0") else {
      throw RoostError.invalid(
        "/name", "length", "The name of a device has 1 to \(longestName) characters.")
    }
    return name
  }

  private static func uncached(_ response: Response) -> Response {
    var response = response
    response.headers.set("Cache-Control", "no-store")
    return response
  }
}
