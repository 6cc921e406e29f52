import Queries
import Schema

extension PredicateWriter {
  /// Whether the caller stands at the end of `path` from a row.
  func path(
    _ path: RulePath, _ having: Expression?, _ collection: Int, _ source: Source
  ) -> Template {
    step(path, 0, having, start: collection, at: collection, source)
  }

  /// The test of the row at `position`.
  private func step(
    _ path: RulePath, _ position: Int, _ having: Expression?, start: Int, at collection: Int,
    _ source: Source
  ) -> Template {
    var tests: [Template] = []
    if case .alias(let number) = source, path.testsLife(at: position, from: start, in: model),
      position > 0
    {
      tests.append(Template(Table(number: number).isLive))
    }
    if position == path.steps.count {
      let user =
        raw(.field(path.user), collection, source) + Template(" = ") + typed(.uid, collection)
      return ([user] + tests).joined(by: " AND ")
    }
    switch path.steps[position] {
    case .toOne(let field, _):
      let reference = raw(.field(field), collection, source)
      let ids = referenced(path, position, having, start: start, source)
      return ([membership(reference, ids)] + tests).joined(by: " AND ")
    case .toMany:
      let members = many(path, position, having, start: start, source)
      return ([membership(raw(.id, collection, source), members)] + tests).joined(by: " AND ")
    }
  }

  /// Selects the rows, by their ids, through which the path goes on from a step to one.
  func referenced(
    _ path: RulePath, _ position: Int, _ having: Expression?, start: Int, _ source: Source
  ) -> Template {
    guard case .toOne(_, let target) = path.steps[position] else { return Template() }
    if position + 1 < path.steps.count, case .toMany = path.steps[position + 1] {
      // The rows behind name the referenced one themselves: it is not read.
      return many(path, position + 1, having, start: start, source)
    }
    let inner = source.inner
    return Template("SELECT \(inner.name).id FROM \(table(target)) AS \(inner.name) WHERE ")
      + step(path, position + 1, having, start: start, at: target, inner.source)
  }

  /// Selects what the rows of a step to many refer to, for those through which the path goes on.
  private func many(
    _ path: RulePath, _ position: Int, _ having: Expression?, start: Int, _ source: Source
  ) -> Template {
    guard case .toMany(let collection, let field) = path.steps[position] else { return Template() }
    let inner = source.inner
    var select =
      Template("SELECT ") + raw(.field(field), collection, inner.source)
      + Template(" FROM \(table(collection)) AS \(inner.name) WHERE ")
      + step(path, position + 1, having, start: start, at: collection, inner.source)
    if !model.collections[collection].fields[field].isRequired {
      // A NULL in the list would make every test of a row that is not in it NULL.
      select +=
        Template(" AND ") + raw(.field(field), collection, inner.source) + Template(" IS NOT NULL")
    }
    if position == path.lastToMany, let having {
      select +=
        Template(" AND (") + expression(having, collection, inner.source, isPositive: true)
        + Template(")")
    }
    return select
  }

  /// Whether a value is in a list that is selected once.
  func membership(_ value: Template, _ select: Template) -> Template {
    if let policies {
      return value + Template(" = ANY (\(policies.array(policies.text(select))))")
    }
    switch dialect {
    case .sqlite: return value + Template(" IN (") + select + Template(")")
    // An array in an init plan: measured 4–13 ms where IN (SELECT …) took 110–149.
    case .postgres: return value + Template(" = ANY (ARRAY(") + select + Template("))")
    }
  }
}
