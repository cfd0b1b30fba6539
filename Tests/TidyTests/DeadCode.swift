/// What nothing in Sources uses. It is found by names and labels, not by types: what shares them
/// with something that is used counts as used.
enum DeadCode {
    /// What only tests use, and why it stands.
    static let exceptions = [
        "Catalog.remembered": "tests see that what has ended is forgotten",
        "Engine/Server/Inspection.swift": "tests read the engine through it",
        "Engine/Server/Inventory.swift": "tests compare the engine's counters with the heap",
        "Engine/Server/Invariants.swift": "transcripts, simulator and fuzzers ask after each step",
        "Engine/Server/Sabotage.swift": "tests break each invariant on purpose",
        "Wire/HTTP/ResponseParser.swift": "the simulator's clients read with it; a client will",
        "HTTPParser.streamBody(in:)": "a client's event streams have no end",
        "Wire/HTTP/RequestWriter.swift": "a client will write with it",
        "Wire/SSE/SSEParser.swift": "the simulator's clients read with it; a client will",
    ]

    /// Requirements of the standard library's protocols, which its own code calls.
    private static let standard: Set = [
        "description", "hash(into:)", "next()", "makeIterator()", "rawValue",
    ]

    static func findings(in tree: SourceTree) -> [Finding] {
        let declarations = tree.sources.enumerated().flatMap {
            DeclarationReader.declarations(in: $1, number: $0)
        }
        let sources = tree.sources + tree.generated
        let inSources = Uses(in: sources, declarations: declarations)
        let anywhere = Uses(in: sources + tree.tests, declarations: declarations)
        let required = Set(declarations.filter(\.isRequirement).map(\.signature))
        var needed: Set<String> = []
        var findings: [Finding] = []
        for declaration in declarations where isLookedFor(declaration) {
            if !declaration.isRequirement, required.contains(declaration.signature) { continue }
            if inSources.contain(declaration) { continue }
            let path = tree.sources[declaration.file].path
            let exception = [path, declaration.title].first { exceptions[$0] != nil }
            if let exception { needed.insert(exception) }
            if exception != nil, anywhere.contain(declaration) { continue }
            findings.append(
                Finding(
                    path: path, line: declaration.line,
                    text: "declares \(declaration.title), which nothing "
                        + "\(exception == nil ? "in Sources" : "at all") uses: delete it"))
        }
        return findings
            + exceptions.keys.filter { !needed.contains($0) }.sorted().map {
                Finding(path: $0, text: "needs no exception in DeadCode.swift: delete it there")
            }
    }

    private static func isLookedFor(_ declaration: Declaration) -> Bool {
        switch declaration.kind {
        case .unnamed: false
        case .enumCase where declaration.isMadeFromValues: false
        default:
            !declaration.attributes.contains("_cdecl") && declaration.name != "_"
                && !standard.contains(declaration.signature)
        }
    }
}
