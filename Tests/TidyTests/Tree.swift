import Foundation

/// The text files of a project, by their paths in it.
typealias Tree = [String: String]

/// Reads the repository.
enum Repository {
    private static let kinds: Set<String> = [
        "c", "cc", "cmake", "h", "map", "md", "modulemap", "py", "sh", "swift", "toml", "txt",
    ]

    /// Everything under some folders that people write: no build products, and no corpus.
    static func tree(_ folders: String...) -> Tree {
        var tree: Tree = [:]
        for folder in folders {
            let top = SourceFile.root.appendingPathComponent(folder)
            let files = FileManager.default.enumerator(
                at: top, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles])
            while let file = files?.nextObject() as? URL {
                if ["Corpus", "FailCases", "__pycache__", "build"].contains(file.lastPathComponent)
                {
                    files?.skipDescendants()
                } else if kinds.contains(file.pathExtension),
                    let text = try? String(contentsOf: file, encoding: .utf8)
                {
                    tree[path(of: file)] = text
                }
            }
        }
        return tree
    }

    /// One file of the repository.
    static func text(of path: String) throws -> String {
        try String(contentsOf: SourceFile.root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Whether the repository has a file or a folder at a path.
    static func has(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: SourceFile.root.appendingPathComponent(path).path)
    }

    private static func path(of file: URL) -> String {
        String(file.standardizedFileURL.path.dropFirst(SourceFile.root.path.count + 1))
    }
}
