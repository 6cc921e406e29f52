package import Queries
import RoostCore

/// The table of receipts: one row for each principal and key.
package enum ReceiptTable {
  /// The step that makes the table, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "receipts") { d in
      [
        """
        CREATE TABLE roost_receipt (
          principal \(d.text) NOT NULL, key \(d.text) NOT NULL, route \(d.text) NOT NULL,
          fingerprint \(d.blob) NOT NULL, created_at \(d.integer) NOT NULL, status \(d.integer) NOT NULL,
          headers \(d.text) NOT NULL, body \(d.blob) NOT NULL,
          UNIQUE (principal, key)
        )\(d.numbered)
        """,
        "CREATE INDEX roost_receipt_created_at ON roost_receipt (created_at)",
      ]
    }
  }

  /// The receipt of a key, else one of its parts.
  ///
  /// A space is the only character before `!` that follows a key, so that the range from the key to
  /// the key with `!` behind it holds the key and its parts, and nothing else.
  static let find = Statement(
    """
    SELECT key, fingerprint, status, headers, body FROM roost_receipt \
    WHERE principal = \(SQL.placeholder) AND key >= \(SQL.placeholder) \
    AND key < \(SQL.placeholder) AND created_at > \(SQL.placeholder) ORDER BY key LIMIT 1
    """)

  /// Whether there is a receipt of exactly this key.
  static let isThere = Statement(
    """
    SELECT 1 FROM roost_receipt WHERE principal = \(SQL.placeholder) \
    AND key = \(SQL.placeholder) AND created_at > \(SQL.placeholder)
    """)

  /// The number of a principal's receipts, the bytes of their answers, and when the oldest was left.
  static let use = Statement(
    """
    SELECT count(*), coalesce(sum(length(body)), 0), coalesce(min(created_at), 0) \
    FROM roost_receipt WHERE principal = \(SQL.placeholder) AND created_at > \(SQL.placeholder)
    """)

  /// Takes the place of a receipt that has expired, and of no other.
  static let insert = Statement(
    """
    INSERT INTO roost_receipt \
    (principal, key, route, fingerprint, created_at, status, headers, body) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT (principal, key) DO UPDATE SET route = excluded.route, \
    fingerprint = excluded.fingerprint, created_at = excluded.created_at, \
    status = excluded.status, headers = excluded.headers, body = excluded.body \
    WHERE roost_receipt.created_at <= \(SQL.placeholder)
    """)

  static let removeParts = Statement(
    """
    DELETE FROM roost_receipt WHERE principal = \(SQL.placeholder) \
    AND key > \(SQL.placeholder) AND key < \(SQL.placeholder)
    """)

  static let removeExpired = Statement(
    """
    DELETE FROM roost_receipt WHERE (principal, key) IN (\
    SELECT principal, key FROM roost_receipt WHERE created_at <= \(SQL.placeholder) \
    ORDER BY created_at LIMIT \(SQL.placeholder)) AND created_at <= \(SQL.placeholder)
    """)

  /// The JSON text of header fields: a list of names and values by turns.
  static func text(_ headers: [(name: String, value: String)]) -> String {
    JSON.array(headers.flatMap { [.string($0.name), .string($0.value)] }).text
  }

  /// The header fields of such a text.
  static func headers(_ text: String) -> [(name: String, value: String)] {
    // What is stored was written by `text`; a damaged value reads as no fields.
    let texts = ((try? JSON.parse(text: text))?.array ?? []).compactMap(\.string)
    return stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }
  }
}
