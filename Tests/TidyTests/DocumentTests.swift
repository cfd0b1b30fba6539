import Foundation
import Testing

/// One Markdown text: its headings' anchors and its links.
struct Document {
    private(set) var anchors: Set<String> = []
    /// The targets of links, with their lines.
    private(set) var links: [(line: Int, target: String)] = []

    init(_ text: String) {
        var isCode = false
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            if line.contains(#/^ *```/#) {
                isCode.toggle()
            } else if isCode {
                continue
            } else if let heading = line.prefixMatch(of: #/#+ +(.*)/#) {
                anchors.insert(unusedAnchor(for: heading.output.1))
            }
            guard !isCode else { continue }
            let prose = line.replacing(#/`[^`]*`/#, with: "")
            for match in prose.matches(of: #/\]\(<?([^)>\s]+)>?[^)]*\)|^ *\[[^\]]+\]: +(\S+)/#) {
                guard let target = match.output.1 ?? match.output.2 else { continue }
                links.append((index + 1, String(target)))
            }
        }
    }

    /// The anchor that renderers make of a heading: lower case, spaces to hyphens, and of the rest
    /// only letters, digits, hyphens and underscores. A second one is numbered.
    private func unusedAnchor(for heading: Substring) -> String {
        let shown = heading.replacing(#/\[([^\]]*)\]\([^)]*\)/#) { $0.output.1 }
        let anchor = String(
            shown.lowercased().compactMap { letter in
                letter == " "
                    ? "-"
                    : letter.isLetter || letter.isNumber || letter == "-" || letter == "_"
                        ? letter : nil
            })
        guard anchors.contains(anchor) else { return anchor }
        return (1...).lazy.map { "\(anchor)-\($0)" }.first { !anchors.contains($0) } ?? anchor
    }

    /// The links of a tree's Markdown files that lead nowhere. `has` knows files of other kinds.
    static func brokenLinks(in tree: Tree, has: (String) -> Bool) -> [String] {
        let documents = tree.filter { $0.key.hasSuffix(".md") }.mapValues { Document($0) }
        var broken: [String] = []
        for (path, document) in documents {
            for (line, target) in document.links where !target.contains(#/^[a-z]+:/#) {
                let parts = target.split(
                    separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let file = parts[0].isEmpty ? path : resolve(parts[0], from: path)
                let exists = file.map { tree[$0] != nil || has($0) } ?? false
                var isFound = exists
                if exists, parts.count > 1, let file {
                    isFound = documents[file]?.anchors.contains(String(parts[1])) ?? false
                }
                if !isFound { broken.append("\(path):\(line) links to \(target)") }
            }
        }
        return broken.sorted()
    }

    /// The path that a relative link leads to; nil if that is outside the repository.
    private static func resolve(_ link: Substring, from path: String) -> String? {
        var parts = path.split(separator: "/").dropLast()
        for part in link.split(separator: "/") where part != "." {
            if part != ".." {
                parts.append(part)
            } else if parts.popLast() == nil {
                return nil
            }
        }
        return parts.joined(separator: "/")
    }
}

@Suite("Documents")
struct DocumentTests {
    @Test("Links lead to files and headings that exist")
    func links() throws {
        var tree = Repository.tree("Sources", "Tests", "bindings", "docs", "examples", "include")
        for name in try FileManager.default.contentsOfDirectory(atPath: SourceFile.root.path)
        where name.hasSuffix(".md") {
            tree[name] = try Repository.text(of: name)
        }
        #expect(tree.keys.filter { $0.hasSuffix(".md") }.count > 100)
        #expect(Document.brokenLinks(in: tree, has: Repository.has) == [])
    }

    // MARK: The test tests itself

    @Test("Anchors are those that renderers make")
    func anchors() {
        let document = Document(
            """
            # `shttp_*`: a [link](a.md), C++ & more
            ## Twice
            ## Twice
            ```sh
            # no heading
            ```
            """)
        #expect(document.anchors == ["shttp_-a-link-c--more", "twice", "twice-1"])
    }

    @Test("A link that leads nowhere is found, whatever kind it is")
    func broken() {
        let tree: Tree = [
            "README.md": """
            # Title
            [a](docs/A.md) [b](docs/A.md#part-one) [c](#title) [d](https://example.org/x#y)
            [e](docs/B.md), [f](docs/A.md#part-two) [g](#none)
            `[h](nowhere.md)` [i](LICENSE) [j](../outside.md) [k](docs/)

            [ref]: docs/C.md
            ```
            [l](nowhere.md)
            ```
            """,
            "docs/A.md":
                "## Part one\n[up](../README.md#title) [down](../docs/A.md) [m](README.md)",
        ]
        #expect(
            Document.brokenLinks(in: tree, has: { ["LICENSE", "docs"].contains($0) }) == [
                "README.md:3 links to #none",
                "README.md:3 links to docs/A.md#part-two",
                "README.md:3 links to docs/B.md",
                "README.md:4 links to ../outside.md",
                "README.md:6 links to docs/C.md",
                "docs/A.md:2 links to README.md",
            ])
    }
}
