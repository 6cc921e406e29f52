import Glibc
import Rules
package import Schema

/// The folder of an app: `schema.graphql`, and optionally `roost.yaml` and `seeds/`.
package struct AppFolder: Sendable {
  /// Why a folder cannot be served; the message names file, line and column where there are such.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
  }

  package let path: String

  package init(_ path: String) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  package var schemaPath: String { path + "/schema.graphql" }
  package var settingsPath: String { path + "/roost.yaml" }
  package var seedsPath: String { path + "/seeds" }

  /// The checked schema.
  package func schema() throws(Failure) -> SchemaModel {
    guard FileBytes.isFolder(path) else {
      throw Failure(
        description: "\(path): there is no such folder; make an app with: roost new \(path)")
    }
    guard FileBytes.exists(schemaPath) else {
      throw Failure(
        description: "\(schemaPath): there is no such file; an app folder holds a schema.graphql")
    }
    return try AppFolder.schema(at: schemaPath)
  }

  /// The checked schema of a file.
  package static func schema(at schemaPath: String) throws(Failure) -> SchemaModel {
    let bytes: [UInt8]
    do throws(FileBytes.Failure) {
      bytes = try FileBytes.read(schemaPath, limit: 1_048_576)
    } catch {
      throw Failure(description: "\(schemaPath): \(error.reason)")
    }
    guard let source = String(validating: bytes, as: UTF8.self) else {
      throw Failure(description: "\(schemaPath): the file is not valid UTF-8")
    }
    do throws(SchemaError) {
      let model = try SchemaModel.load(source: source)
      // The rules are compiled again where they are used; here their faults are told with the others.
      _ = try RuleBook(model)
      return model
    } catch {
      let lines = error.faults.map {
        "\(schemaPath):\($0.location.line):\($0.location.column): \($0.message)"
      }
      throw Failure(description: lines.joined(separator: "\n"))
    }
  }

  /// The settings from `roost.yaml`, the environment and flags.
  package func settings(
    environment: [String: String], flags: [String: String]
  ) throws -> Settings {
    var file: (path: String, bytes: [UInt8])?
    if FileBytes.exists(settingsPath) {
      do throws(FileBytes.Failure) {
        file = (settingsPath, try FileBytes.read(settingsPath, limit: 1_048_576))
      } catch {
        throw Failure(description: "\(settingsPath): \(error.reason)")
      }
    }
    return try Settings(file: file, environment: environment, flags: flags)
  }
}
