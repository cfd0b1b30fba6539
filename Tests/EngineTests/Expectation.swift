/// The outputs that a transcript expects of one step. Each actor (a client, or the host with its
/// store) has an order of its own. The order between actors does not matter, except for a line that
/// is marked: it comes after all lines of other actors that are written above it.
struct Expectation {
    struct Line: Equatable {
        var text: String
        /// Whether `then` stands before the line.
        var isMarked = false
    }

    var lines: [Line] = []

    var texts: [String] { lines.map(\.text) }

    func isMet(by outputs: [String]) -> Bool {
        guard let places = places(in: outputs) else { return false }
        return lines.indices.allSatisfy { !lines[$0].isMarked || isLater($0, places) }
    }

    /// A description of how outputs differ.
    func difference(from outputs: [String]) -> String {
        let expected = lines.map { ($0.isMarked ? "then " : "     ") + $0.text }
        return """
            expected:
            \(expected.joined(separator: "\n"))
            got\(places(in: outputs) == nil ? "" : ", not in the order that `then` stands for"):
                 \(outputs.joined(separator: "\n     "))
            """
    }

    /// Whether another actor has a line above.
    func hasOthers(above index: Int) -> Bool {
        texts[..<index].contains { actor(of: $0) != actor(of: texts[index]) }
    }

    /// What the outputs are, with as much as possible of the order between actors and of the marks.
    func rewritten(for outputs: [String]) -> Expectation {
        if isMet(by: outputs) { return self }
        let actual = Dictionary(grouping: outputs, by: actor(of:))
        let written = Dictionary(grouping: texts, by: actor(of:))
        if actual.mapValues(\.count) == written.mapValues(\.count) {
            var next = actual.mapValues { $0.makeIterator() }
            var same = self
            for (index, text) in texts.enumerated() {
                same.lines[index].text = next[actor(of: text)]!.next()!
            }
            if same.isMet(by: outputs) { return same }
        }
        let marked = Set(lines.filter(\.isMarked).map(\.text))
        var new = Expectation(lines: outputs.map { Line(text: $0) })
        for index in new.lines.indices where marked.contains(new.lines[index].text) {
            new.lines[index].isMarked = new.hasOthers(above: index)
        }
        return new
    }

    /// Where each line is among the outputs; nil if an actor has other lines, or another order.
    private func places(in outputs: [String]) -> [Int]? {
        if outputs == texts { return Array(outputs.indices) }
        guard outputs.count == lines.count else { return nil }
        let places = Dictionary(grouping: outputs.indices) { actor(of: outputs[$0]) }
        var next = places.mapValues { $0.makeIterator() }
        var found: [Int] = []
        for text in texts {
            guard let place = next[actor(of: text)]?.next(), outputs[place] == text else {
                return nil
            }
            found.append(place)
        }
        return found
    }

    private func isLater(_ index: Int, _ places: [Int]) -> Bool {
        let own = actor(of: texts[index])
        return (0..<index).allSatisfy {
            actor(of: texts[$0]) == own || places[$0] < places[index]
        }
    }

    /// The client that an output names, or the host.
    func actor(of output: String) -> Substring {
        let word = output.prefix { $0 != " " }
        return word.first == "c" && Int(word.dropFirst()) != nil ? word : "host"
    }
}
