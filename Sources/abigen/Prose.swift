/// Documentation text, wrapped into the lines of a comment.
///
/// Paragraphs are separated by empty lines. A paragraph that starts with a space is kept verbatim.
/// One that starts with "- " is a list, whose items get a hanging indent. All others are filled.
struct Prose {
    /// A space that does not break a line.
    static let fixedSpace = "\u{A0}"

    private var paragraphs: [[Substring]] = []

    init(_ text: String) {
        append(text)
    }

    /// Adds one or more paragraphs; an empty text adds none.
    mutating func append(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for group in lines.split(whereSeparator: \.isEmpty) {
            paragraphs.append(Array(group))
        }
    }

    /// The lines of the text, none longer than `width`.
    func lines(width: Int) -> [String] {
        var result: [String] = []
        for paragraph in paragraphs {
            if !result.isEmpty { result.append("") }
            if paragraph[0].hasPrefix(" ") {
                result += paragraph.map(String.init)
            } else if paragraph[0].hasPrefix("- ") {
                for item in Self.items(of: paragraph) {
                    result += fill(item, width: width, hanging: "  ")
                }
            } else {
                result += fill(paragraph.joined(separator: " "), width: width)
            }
        }
        return result
    }

    private static func items(of list: [Substring]) -> [String] {
        var items: [String] = []
        for line in list {
            if line.hasPrefix("- ") {
                items.append(String(line))
            } else {
                items[items.count - 1] += line.drop { $0 == " " }.isEmpty ? "" : " " + line
            }
        }
        return items
    }
}

/// Breaks `text` at spaces into lines of at most `width`, unless a single word is longer.
func fill(_ text: String, width: Int, hanging: String = "") -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
        if line.isEmpty {
            line = String(word)
        } else if line.count + 1 + word.count <= width {
            line += " " + word
        } else {
            lines.append(line)
            line = hanging + word
        }
    }
    if !line.isEmpty { lines.append(line) }
    return lines.map { String($0.map { $0 == "\u{A0}" ? " " : $0 }) }
}

/// "a", "a and b", "a, b and c".
func enumerate(_ items: [String], _ conjunction: String) -> String {
    guard let last = items.last, items.count > 1 else { return items.first ?? "" }
    return items.dropLast().joined(separator: ", ") + "\(conjunction) \(last)"
}
