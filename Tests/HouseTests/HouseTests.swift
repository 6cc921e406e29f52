import Testing

@Suite("The house")
struct HouseTests {
  let tree: Tree
  let manifest: Manifest

  init() throws {
    tree = try Tree.current.get()
    manifest = Manifest(try tree.text("Package.swift"))
  }

  @Test func packageDeclaresOnlyEdgesOfThePlan() {
    #expect(HouseRules.undeclaredPlan(manifest, plan: Plan.mayImport) == [])
  }

  @Test func sourcesImportOnlyWhatTheirTargetDeclares() throws {
    let files = tree.sources
    #expect(files.count > 20)
    for file in files {
      let declared = try #require(manifest.targets[file.target], "\(file.path) is in no target")
      let offences = HouseRules.undeclaredImports(
        file.source, target: file.target, declared: declared, system: Plan.systemModules)
      #expect(offences == [], "\(file.path)")
    }
  }

  @Test func testsImportOnlyWhatTheirTargetDeclares() throws {
    for file in tree.tests {
      let declared = try #require(manifest.testTargets[file.target], "\(file.path) is in no target")
      let offences = HouseRules.undeclaredImports(
        file.source, target: file.target, declared: declared,
        system: Plan.systemModules.union(Plan.testModules))
      #expect(offences == [], "\(file.path)")
    }
  }

  @Test func onlyAFewPlacesAskWhichEngineItIs() {
    for file in tree.sources {
      #expect(HouseRules.engineNames(file.source, path: file.path) == [])
    }
  }

  @Test func noFileIsLongerThanSixHundredLines() {
    for file in tree.sources + tree.tests {
      #expect(HouseRules.tooLong(file.source, path: file.path) == [])
    }
  }

  @Test func noPathsDifferOnlyByCase() {
    #expect(tree.paths.count > 50)
    #expect(HouseRules.caseTwins(tree.paths) == [])
  }

  @Test func namesSaySomething() {
    #expect(HouseRules.emptyNames(paths: tree.paths) == [])
    for file in tree.sources + tree.tests {
      #expect(HouseRules.emptyNames(file.source, path: file.path) == [])
    }
  }

  @Test func noTypeHasTheNameOfItsModule() {
    for file in tree.sources {
      #expect(HouseRules.moduleNamesake(file.source, target: file.target, path: file.path) == [])
    }
  }

  @Test func architecturePageSaysWhatPackageSays() throws {
    #expect(HouseRules.stalePage(try tree.text("ARCHITECTURE.md"), manifest: manifest) == [])
  }
}
