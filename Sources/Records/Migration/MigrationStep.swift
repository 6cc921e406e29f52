import RoostCore
package import Schema

/// One step of a plan: what it does to which part of the database.
package struct MigrationStep: Sendable {
  /// How a step comes to be done.
  package enum Kind: String, Sendable {
    /// By a start with the new schema, as by `apply`.
    case additive
    /// By `apply` alone.
    case explicit
    /// By `apply`, where the step is named in `--allow-data-loss`.
    case destructive
  }

  package enum Action: Sendable {
    case createCollection
    case renameCollection(number: Int64, from: String, to: String)
    case retireCollection(number: Int64, from: String)
    /// The table that is kept of a collection takes its place again, under the name `to`.
    case restoreCollection(StoredSchema.Retired, to: String)
    case addField(Field)
    /// A new field whose default every row gets.
    case fillField(Field)
    case restoreField(StoredSchema.Retired, Field)
    case renameField(from: String, to: String)
    /// The type alone is another one; rows are checked where `isChecked`.
    case retypeField(from: String, Field, number: Int64, old: Field, isChecked: Bool)
    /// Each value is written anew into a column of its own, which takes the field's place.
    case convertField(from: String, Field, number: Int64, old: Field)
    /// Each value is made of those of other columns, into a column of its own or one that was kept.
    case computeField(ComputedField)
    /// The column that was replaced by `convertField` takes its place again.
    case revertField(StoredSchema.Retired, from: String, Field, number: Int64, old: Field)
    case retireField(name: String, number: Int64, type: String)
    /// The rows are checked by the name that the column had before the plan.
    case requireField(Field, column: String)
    case narrowField(Field, column: String)
    case makeUnique([String], columns: [String])
    case createIndex([String])
    case dropIndex(fields: String)
    case rescope
    /// Rows whose time has come are deleted, emptied or archived by a job.
    case retain(RetentionRule)
  }

  package let action: Action
  package let kind: Kind
  /// The type of the collection, in the new schema where it is there.
  package let typeName: String
  /// The table as it is before the plan; nil for a new one.
  package let table: String?
  /// What the step speaks of: `Note.text`, or the type.
  package let item: String
  package let text: String
  package let wayBack: String
  package let location: SourceLocation?

  // What a look at the rows found.

  /// Rows that the step goes through.
  package var rows = 0
  /// Rows that stand in the way; none may be left.
  package var breaking = 0
  package var lock = ""
  package var seconds = 0.0

  init(
    _ action: Action, _ kind: Kind, _ typeName: String, table: String?, item: String,
    _ text: String, wayBack: String, at location: SourceLocation? = nil
  ) {
    self.action = action
    self.kind = kind
    self.typeName = typeName
    self.table = table
    self.item = item
    self.text = text
    self.wayBack = wayBack
    self.location = location
  }

  /// A stable name such as `rename_field`.
  package var code: String {
    switch action {
    case .createCollection: "create_collection"
    case .renameCollection: "rename_collection"
    case .retireCollection: "retire_collection"
    case .restoreCollection: "restore_collection"
    case .addField: "add_field"
    case .fillField: "fill_field"
    case .restoreField: "restore_field"
    case .renameField: "rename_field"
    case .retypeField: "retype_field"
    case .convertField: "convert_field"
    case .computeField(let part): part.isJoined ? "join_field" : "split_field"
    case .revertField: "revert_field"
    case .retireField: "retire_field"
    case .requireField: "require_field"
    case .narrowField: "narrow_field"
    case .makeUnique: "make_unique"
    case .createIndex: "create_index"
    case .dropIndex: "drop_index"
    case .rescope: "rescope"
    case .retain: "retain"
    }
  }

  /// Whether columns of its table, or the table itself, are changed.
  var changesTable: Bool {
    switch action {
    case .createCollection, .requireField, .narrowField, .makeUnique, .createIndex, .rescope,
      .retain:
      false
    default: true
    }
  }

  /// Whether a server that knows the schema of before must not write any more.
  var outdatesServers: Bool {
    switch action {
    case .addField(let field):
      // Their rows would come without a value.
      field.isRequired && field.defaultValue == nil && field.derivation == nil
    case .createCollection, .fillField, .createIndex, .dropIndex, .retain: false
    case .narrowField, .requireField, .makeUnique: true
    default: true
    }
  }
}

/// A field that the database does not have, whose values come from others.
package struct ComputedField: Sendable {
  let field: Field
  let work: ComputedColumn
  /// The column that is kept of an earlier time, and takes the values; nil for a new one.
  let kept: StoredSchema.Retired?
  /// The field was split, and is put together again.
  let isJoined: Bool
}

/// Why a plan cannot be carried out.
package struct MigrationFault: Error, Sendable {
  /// A stable name such as `rename_unmatched`.
  package let code: String
  package let message: String
  package let location: SourceLocation?

  package init(_ code: String, _ message: String, at location: SourceLocation? = nil) {
    self.code = code
    self.message = message
    self.location = location
  }
}
