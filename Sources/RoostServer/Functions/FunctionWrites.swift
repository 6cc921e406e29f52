import Queries
package import Records
package import RoostCore

/// The changes that a function asks for, on their way through the one path of all writes.
package struct FunctionWrites: Sendable {
  let operations: [PreparedOperation]

  /// Decodes and authorises `mutations` as far as that goes without the database.
  ///
  /// Throws `FunctionFailure` that names the mutation and what is wrong with it.
  package init(
    _ mutations: [FunctionMutation], by caller: Caller, in records: RecordStore
  ) throws(FunctionFailure) {
    var operations: [PreparedOperation] = []
    operations.reserveCapacity(mutations.count)
    for (index, mutation) in mutations.enumerated() {
      do {
        operations.append(try FunctionWrites.operation(mutation, .caller(caller), records))
      } catch {
        throw FunctionWrites.refusal(index, error)
      }
    }
    self.operations = operations
  }

  private static func operation(
    _ mutation: FunctionMutation, _ author: Mutation.Author, _ records: RecordStore
  ) throws -> PreparedOperation {
    guard let collection = records.catalogue.collection(named: mutation.collection) else {
      throw RoostError(.notFound, "There is no collection \"\(mutation.collection.prefix(60))\".")
    }
    let expectation: Expectation = mutation.version.map { .oneOf([$0]) } ?? .nothing
    switch mutation.kind {
    case .create:
      var body = mutation.values
      if let id = mutation.id, var object = body.object {
        object["id"] = .string(id.description)
        body = .object(object)
      }
      return try records.prepareCreate(collection, body, by: author)
    case .update:
      return try records.prepareUpdate(
        collection, mutation.id ?? .zero, mutation.values, expecting: expectation, by: author)
    case .delete:
      return try records.prepareDelete(
        collection, mutation.id ?? .zero, expecting: expectation, by: author)
    }
  }

  /// What a mutation was refused for.
  ///
  /// What another attempt may mend, such as a conflict, is thrown as it is.
  static func refusal(_ index: Int, _ error: any Error) -> FunctionFailure {
    let words = (error as? RoostError).map { "\($0.detail) (\($0.code.rawValue))" } ?? "\(error)"
    return FunctionFailure(.answer, "mutations/\(index) was refused: \(words)")
  }
}
