import Accounts
import RoostCore
import Transport

/// The way to the first administrator: a page for people, and the claim itself.
enum AdminClaimRoutes {
  private static let path = "/v1/admin/claim"

  static func add(
    to router: inout Router, accounts: AccountStore, authenticator: Authenticator,
    claim: AdminClaimFile
  ) {
    let page = AdminClaimPage.response
    router.add(.get, path) { _ in page }
    router.add(.post, path, body: .buffered(limit: 4096)) { request in
      var body = try AuthBody(of: request)
      let token = body.string("token")
      try body.finish()
      try await accounts.becomeAdministrator(
        try authenticator.caller(of: request), token: token, claim: claim,
        from: ClientAddress(request))
      return Response(status: 204)
    }
  }
}
