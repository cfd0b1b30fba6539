/// Names in a transcript for the engine's random ids: `S1` for the first session that appears, `s1`
/// for the first stream.
package final class Names {
    private var sessions: [Substring] = []
    private var streams: [Substring] = []
    private var states: [Substring] = []

    package init() {}

    /// `S1` for the text of a session's id.
    package func session(_ wireID: String) -> String {
        "S\(Names.place(of: wireID[...], in: &sessions))"
    }

    /// The reverse. A name that has not appeared yet becomes an unknown id.
    package func wireID(_ name: String) -> String {
        Names.text(name.dropFirst(), sessions)
    }

    /// `s1.2` for the text of an event's id.
    package func event(_ id: String) -> String {
        let parts = id.split(separator: ".", maxSplits: 1)
        guard parts.count == 2 else { return id }
        return "s\(Names.place(of: parts[0], in: &streams)).\(parts[1])"
    }

    /// The name that the next stream to appear will have.
    package var nextStream: String { "s\(streams.count + 1)" }

    /// The reverse. Text that is not a name is returned unchanged.
    package func eventID(_ name: String) -> String {
        guard let match = name.wholeMatch(of: /s(\d+)\.(.*)/) else { return name }
        return Names.text(match.output.1, streams) + "." + match.output.2
    }

    /// A text with `P1` for the first `requestState` of the engine's that appears.
    package func statesNamed(in text: String) -> String {
        guard text.contains("shttp-") else { return text }
        return Names.replace("shttp-", in: text) { rest in
            let digits = rest.prefix(32)
            guard digits.count == 32, digits.allSatisfy(\.isHexDigit) else { return nil }
            return ("P\(Names.place(of: digits, in: &states))", digits.endIndex)
        }
    }

    /// The reverse. A name that has not appeared yet becomes an unknown state.
    package func statesInserted(into text: String) -> String {
        let member = "\"requestState\":\"P"
        guard text.contains("requestState") else { return text }
        return Names.replace(member, in: text) { rest in
            let number = rest.prefix { $0.isNumber }
            guard !number.isEmpty, rest[number.endIndex...].first == "\"" else { return nil }
            let state = "shttp-" + Names.text(number, states)
            return (String(member.dropLast()) + state, number.endIndex)
        }
    }

    /// Replaces each `start` and what follows it, as far as `use` says; nil leaves it as it is. A
    /// regex would take most of the time of the tests.
    private static func replace(
        _ start: String, in text: String,
        _ use: (Substring) -> (String, Substring.Index)?
    ) -> String {
        var result = ""
        var rest = text[...]
        while let found = rest.firstRange(of: start) {
            result += rest[..<found.lowerBound]
            let behind = rest[found.upperBound...]
            if let (new, end) = use(behind) {
                result += new
                rest = rest[end...]
            } else {
                result += start
                rest = behind
            }
        }
        return result + rest
    }

    private static func place(of text: Substring, in list: inout [Substring]) -> Int {
        if !list.contains(text) { list.append(text) }
        return list.firstIndex(of: text)! + 1
    }

    private static func text(_ number: Substring, _ list: [Substring]) -> String {
        let place = Int(number)! - 1
        return list.indices.contains(place)
            ? String(list[place]) : String(repeating: "f", count: 32)
    }
}

extension ResponseReader.Item {
    /// One line: `200 stream session=S1`, `event {…}`, `event id=s1.2 {…}`, `prime s1`, `retry
    /// 750`, `comment`, `end`; or a complete response that is no stream: `405 allow=POST {…}`.
    /// `close` means that the connection will not be reused.
    package func line(_ names: Names) -> String {
        switch self {
        case .response(let head, let body):
            head.line(names) + (body.isEmpty ? "" : " " + ResponseReader.Item.text(body))
        case .interim(let head), .stream(let head): head.line(names)
        case .opened(let head): head.line(names) + " parts"
        case .part(let bytes): "part " + ResponseReader.Item.text(bytes)
        case .event(let id, let data):
            (["event"] + (id.map { ["id=" + names.event($0)] } ?? [])
                + [ResponseReader.Item.text(data)]).joined(separator: " ")
        case .priming(let id):
            "prime "
                + (id.hasSuffix(".0") ? String(names.event(id).dropLast(2)) : names.event(id))
        case .endpoint(let url): "endpoint \(url)"
        case .retry(let milliseconds): "retry \(milliseconds)"
        case .comment(let text): "comment" + text
        case .end: "end"
        case .malformed(let what): "malformed: " + what
        }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").joined(separator: "⏎")
    }
}

extension ResponseReader.Head {
    fileprivate func line(_ names: Names) -> String {
        var words = [String(status)]
        if isStream { words.append("stream") }
        if let sessionID { words.append("session=" + names.session(sessionID)) }
        words += others.map { "\($0.name)=\($0.value)" }
        if closes { words.append("close") }
        return words.joined(separator: " ")
    }
}
