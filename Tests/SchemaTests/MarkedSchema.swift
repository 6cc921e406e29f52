import Schema
import Testing

/// A schema in which `§` marks the place where a fault is expected, without the mark.
struct MarkedSchema {
  let source: String
  /// The marked place, as `line:column`.
  let place: String?

  init(_ marked: String) {
    var line = 1
    var column = 1
    var place: String?
    var source = ""
    for scalar in marked.unicodeScalars {
      if scalar == "§" {
        place = "\(line):\(column)"
        continue
      }
      source.unicodeScalars.append(scalar)
      column += 1
      if scalar == "\n" {
        line += 1
        column = 1
      }
    }
    self.source = source
    self.place = place
  }
}

/// A schema with one fault: where, what is said of it, and a neighbour without the fault.
struct Misuse: Sendable, CustomTestStringConvertible {
  let bad: String
  let says: String
  let good: String?

  init(_ bad: String, _ says: String, good: String? = nil) {
    self.bad = bad
    self.says = says
    self.good = good
  }

  var testDescription: String { bad }

  /// A fault in a field of the collection Gig, which is beside Band and two enums.
  static func field(_ bad: String, _ says: String, good: String) -> Misuse {
    Misuse(Misuse.gig(bad), says, good: Misuse.gig(good))
  }

  /// A fault in what the type Gig says of itself.
  static func type(_ bad: String, _ says: String, good: String) -> Misuse {
    Misuse(Misuse.gig(header: bad), says, good: Misuse.gig(header: good))
  }

  static func gig(header: String = "", _ field: String = "") -> String {
    """
    enum Kind { CLUB FESTIVAL }
    enum Role @roles { musician support @inherits(from: ["musician"]) }
    type Band @collection { name: ID founder: User! members: [Member!]! @relation(inverse: "band") }
    type Member @collection { band: Band! user: User! }
    type Gig @collection \(header) {
      title: String
      notes: JSON
      heldAt: DateTime
      fee: Money
      tags: [String!]
      owner: User!
      band: Band
      \(field)
    }
    """
  }
}

/// The faults of a schema as `line:column message`; none when it loads.
func faults(_ source: String, stage: StagePolicy = .everything) -> [String] {
  do throws(SchemaError) {
    _ = try SchemaModel.load(source: source, stage: stage)
    return []
  } catch {
    return error.faults.map { "\($0.location) \($0.message)" }
  }
}

/// The field `field` of a collection that holds nothing else.
func field(_ declaration: String) throws -> Field {
  let source = """
    enum Kind { CLUB FESTIVAL }
    type Band @collection { name: String }
    type Gig @collection { \(declaration) }
    """
  let model = try SchemaModel.load(source: source, stage: .everything)
  guard let field = model.collection(ofType: "Gig")?.fields.first else {
    throw SchemaError(faults: [])
  }
  return field
}
