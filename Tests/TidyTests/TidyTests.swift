import Testing

@Suite("Tidiness")
struct TidyTests {
    @Test("There is something to check")
    func found() {
        #expect(Set(Tree.ours.sources.map(\.layer)) == Set(Check.layers.keys))
        #expect(Tree.ours.library.count > 30)
        #expect(Tree.ours.tests.count > 30)
        #expect(Tree.ours.c.count > 30)
    }

    @Test("Our tree", arguments: Check.all)
    func ours(_ check: Check) {
        for finding in check.findings(.ours) { Issue.record("\(finding)") }
    }
}
