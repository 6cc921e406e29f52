import Queries
import RoostCore
import Rules
import Schema

/// How the rows that a caller may read are selected, and which of their members are shown.
struct RowShape {
  let collection: CompiledCollection
  let access: Access
  let selection: FieldSelection?

  /// The flags with which a row shows every member; nil where none does.
  private let wholeFlags: UInt64?

  init(_ collection: CompiledCollection, _ access: Access, _ selection: FieldSelection? = nil) {
    self.collection = collection
    self.access = access
    self.selection = selection
    wholeFlags = access.plan.wholeFlags
  }

  /// The columns of `liveList` of the table `t0`, and behind them a flag for each group of members
  /// that not every row shows.
  static func columns(_ collection: CompiledCollection, _ plan: AccessPlan) -> Template {
    var columns = Template(collection.liveList)
    for group in plan.groups.indices {
      columns += Template(", ") + collection.writer.flag(group, plan, .alias(0))
    }
    return columns
  }

  /// The first column behind those of `columns`.
  var columnCount: Int {
    RecordColumns.firstField + collection.fields.count + access.plan.groups.count
  }

  /// Bit n: the members of group n are shown.
  func flags(_ row: any Row) -> UInt64 {
    var flags: UInt64 = 0
    let first = RecordColumns.firstField + collection.fields.count
    for group in access.plan.groups.indices where row.bool(first + group) {
      flags |= 1 << UInt64(group)
    }
    return flags
  }

  func isShown(_ member: Int, _ flags: UInt64) -> Bool {
    switch access.plan.visibility(member) {
    case .always: return true
    case .never: return false
    case .sometimes(let group): return flags & 1 << UInt64(group) != 0
    }
  }

  /// The members that a row with those flags shows; nil where it is all of them.
  func members(_ flags: UInt64) -> FieldSet? {
    guard flags != wholeFlags else { return nil }
    let plan = access.plan
    var members = plan.always
    for group in plan.groups.indices where flags & 1 << UInt64(group) != 0 {
      members = members.union(plan.groups[group].fields)
    }
    return members
  }

  /// Writes a row of `columns` as a JSON object, straight from its columns.
  func write(_ row: any Row, to json: inout JSONWriter) {
    let flags = flags(row)
    if flags == wholeFlags, selection == nil { return collection.write(row, to: &json) }
    collection.write(row, selection, to: &json) { isShown($0, flags) }
  }
}
