import Engine

/// What `given S1` stands for: a client connects and initializes a session, with a server that
/// answers by itself (`with greeting`).
///
/// `given S2 on c4 from 7 revision=2025-11-25 token=t by=alice initialized primary=c5` says
/// everything that can be said; other words with `=` go to all requests, like `token=t`.
struct Opening {
    enum Exchange {
        case connect, initialize, initialized, connectPrimary, openPrimary
    }

    let session: String
    private var client = "c1"
    private var primary = ""
    private var origin = ""
    private var revision = "2025-06-18"
    private var principal = ""
    /// Words of each request.
    private var words = ""
    /// What is done, and by which input.
    private(set) var exchanges: [(exchange: Exchange, input: Line)] = []

    init(_ line: Line) throws(TranscriptError) {
        session = try line.word(1)
        guard Line.isSession(session), line.body == nil else {
            throw TranscriptError("only sessions are given, and in words")
        }
        var order = [Exchange.connect, .initialize]
        var index = 2
        while index < line.words.count {
            let word = line.words[index]
            let value = String(word.drop { $0 != "=" }.dropFirst())
            switch word.prefix(while: { $0 != "=" }) {
            case "on":
                index += 1
                client = try line.word(index)
            case "from":
                index += 1
                origin = " from \(try line.word(index))"
            case "initialized": order.append(.initialized)
            case "primary":
                primary = value
                order += [.connectPrimary, .openPrimary]
            case "revision": revision = value
            case "by": principal = " by=\(value)"
            case _ where !value.isEmpty: words += " \(word)"
            default: throw TranscriptError("nothing is given by `\(word)`")
            }
            index += 1
        }
        exchanges = order.map { ($0, Line(input($0))) }
    }

    private func input(_ exchange: Exchange) -> String {
        switch exchange {
        case .connect: "\(client) opened\(origin)"
        case .initialize:
            "\(client) POST\(words) {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\","
                + "\"params\":{\"protocolVersion\":\"\(revision)\",\"capabilities\":{}}}"
        case .initialized:
            "\(client) POST session=\(session)\(words) "
                + "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"
        case .connectPrimary: "\(primary) opened\(origin)"
        case .openPrimary: "\(primary) GET session=\(session)\(words)"
        }
    }

    /// What an exchange must give, if the next stream that begins is called `stream`.
    func outputs(_ exchange: Exchange, _ options: ServerOptions, stream: String) -> Expectation {
        let isPrimed = options.hasReplay && revision >= "2025-11-25"
        var outputs = Expectation()
        switch exchange {
        case .connect, .connectPrimary: break
        case .initialize:
            let result =
                "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"\(revision)\","
                + "\"capabilities\":{},\"serverInfo\":{\"name\":\"s\"}}}"
            let isStream = options.responseMode == .stream
            let isStored = options.hasHostStore && isStream
            if isStored { outputs.add("keep \(stream).1 \(result)", "end \(stream)") }
            outputs.add("opened \(session) \(revision)\(principal)")
            if isStream {
                outputs.add("\(client) 200 stream session=\(session)")
                if isPrimed { outputs.add("\(client) prime \(stream)") }
                let id = options.hasReplay ? "id=\(stream).1 " : ""
                outputs.add("\(client) event \(id)\(result)", isMarked: isStored)
                outputs.add("\(client) end")
            } else {
                outputs.add("\(client) 200 session=\(session) \(result)")
            }
        case .initialized:
            outputs.add("notification \(session) notifications/initialized\(principal)")
            outputs.add("\(client) 202")
        case .openPrimary:
            outputs.add("primary of \(session) opened")
            outputs.add("\(primary) 200 stream", "\(primary) comment open")
            if isPrimed { outputs.add("\(primary) prime \(stream)") }
        }
        return outputs
    }
}

extension Expectation {
    fileprivate mutating func add(_ texts: String..., isMarked: Bool = false) {
        lines += texts.map { Line(text: $0, isMarked: isMarked) }
    }
}
