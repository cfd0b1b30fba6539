import Testing

@Suite("Tidiness")
struct TidyTests {
    @Test("There is something to check")
    func found() {
        #expect(Set(SourceTree.ours.sources.map(\.layer)) == Set(Check.layers.keys))
        #expect(SourceTree.ours.library.count > 30)
        #expect(SourceTree.ours.tests.count > 30)
        #expect(SourceTree.ours.c.count > 30)
    }

    @Test("Our tree", arguments: Check.all)
    func ours(_ check: Check) {
        for finding in check.findings(.ours) { Issue.record("\(finding)") }
    }
}
