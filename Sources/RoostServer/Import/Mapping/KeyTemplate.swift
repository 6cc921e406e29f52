package import Schema

/// A text with columns in it, such as `artist:{id}`, from which identifiers are made.
///
/// The values are put in as they are: choose a text between two columns that neither contains, or
/// `{a}:{b}` could give two lines one key.
package struct KeyTemplate: Sendable, Equatable {
  package let template: TextTemplate
  package let place: SourcePlace

  package var parts: [TextTemplate.Part] { template.parts }

  init(_ text: String, place: SourcePlace) throws(TextTemplate.Fault) {
    template = try TextTemplate(text)
    guard !template.columns.isEmpty else {
      throw TextTemplate.Fault(
        message: "\"\(text)\" names no column, such as {id}: every line would get the same key")
    }
    self.place = place
  }
}
