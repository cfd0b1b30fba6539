import Engine
import Link
import Replay
import Session
import Simulation
import Wire

/// How the bytes of one input arrive.
enum Cut: CustomStringConvertible {
    case whole, bytes
    case at(Int)

    func pieces(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        switch self {
        case .whole: return [bytes[...]]
        case .bytes: return bytes.indices.map { bytes[$0...$0] }
        case .at(let place) where place < bytes.count: return [bytes[..<place], bytes[place...]]
        case .at: return [bytes[...]]
        }
    }

    var description: String {
        switch self {
        case .whole: "whole"
        case .bytes: "byte by byte"
        case .at(let place): "cut at \(place)"
        }
    }
}

/// One engine with the driver, host and clients that a transcript describes.
final class Player {
    final class Client {
        let name: String
        let connection: ServerConnection
        var reader = ResponseReader()
        /// Whether the socket takes no bytes, and the output it was given meanwhile.
        var isStalled = false
        var inFlight: Output?
        /// The number of bytes of it that the socket has taken.
        var taken = 0

        init(_ name: String, _ connection: ServerConnection) {
            self.name = name
            self.connection = connection
        }
    }

    private(set) var engine: ServerEngine
    private let random: () -> UInt64
    private let options: ServerOptions
    private let cut: Cut
    let names = Names()
    var clients: [String: Client] = [:]
    var requests: [String: RequestKey] = [:]
    var sessions: [String: SessionKey] = [:]
    var store = NaiveStore()
    var exchanges: [String: ExchangeKey] = [:]
    var authorizations: [String: AuthorizationKey] = [:]
    var outputs: [String] = []
    private(set) var now = Instant(milliseconds: 0)
    /// The host's arguments in the current step.
    var arguments: [ByteBuffer] = []
    /// The length of the longest input, but for those that `given` stands for.
    private(set) var longestInput = 0

    init(_ options: ServerOptions, _ cut: Cut) {
        var counter: UInt64 = 0
        random = {
            counter += 1
            return counter
        }
        engine = ServerEngine(options, random: random)
        self.options = options
        self.cut = cut
    }

    /// Plays one step, and returns the outputs.
    func play(_ step: Transcript.Step) throws(TranscriptError) -> [String] {
        guard let opening = step.opening else { return try play(step.input, at: step.time) }
        let longest = longestInput
        for (exchange, input) in opening.exchanges {
            let expected = opening.outputs(exchange, options, stream: names.nextStream)
            let outputs = try play(input, at: step.time)
            guard expected.isMet(by: outputs) else {
                throw TranscriptError(
                    "\(opening.session) is not given: \(input)\n"
                        + expected.difference(from: outputs))
            }
        }
        longestInput = longest
        return []
    }

    private func play(_ line: Line, at time: Int64) throws(TranscriptError) -> [String] {
        outputs = []
        arguments = []
        now = Instant(milliseconds: time)
        try advance(to: now)
        if let client = clients[try line.word(0)] {
            try play(line, by: client)
        } else if line.words.count > 1, line.words[1] == "opened" {
            let isKnown = line.words.count > 2
            open(line.words[0], from: isKnown ? PeerAddress(ipv4: try line.number(3)) : nil)
        } else {
            do {
                try command(line)
            } catch let error as TranscriptError {
                throw error
            } catch {
                outputs.append("fault \(error)")
            }
        }
        settle()
        let violations = engine.violations()
        guard violations.isEmpty else { throw TranscriptError("violated: \(violations)") }
        return outputs
    }

    /// The process dies, and another one goes on with what the stores have been told.
    func restart() {
        let open = clients.filter { !$0.value.connection.hasEnded }
        for name in open.keys.sorted() { outputs.append("\(name) cut") }
        clients = [:]
        requests = [:]
        sessions = [:]
        engine = ServerEngine(options, random: random)
        engine.advance(to: now)
    }

    private func advance(to time: Instant) throws(TranscriptError) {
        while let deadline = engine.nextDeadline, deadline <= time {
            engine.advance(to: deadline)
            engine.deadlineReached()
            settle()
            if engine.nextDeadline == deadline { throw TranscriptError("a deadline is stuck") }
        }
        engine.advance(to: time)
    }

    // MARK: Clients

    private func open(_ name: String, from peer: PeerAddress?) {
        let driver = UnsafeMutableRawPointer(bitPattern: 1)!
        guard let connection = engine.connectionOpened(driver: driver, from: peer) else {
            return outputs.append("\(name) refused")
        }
        clients[name] = Client(name, connection)
    }

    private func play(_ line: Line, by client: Client) throws(TranscriptError) {
        switch try line.word(1) {
        case "lost":
            engine.connectionLost(client.connection)
        case "finishes":
            engine.readingEnded(on: client.connection)
        case "stalls":
            client.isStalled = true
        case "takes":
            let count: Int = try line.number(2)
            client.taken += count
            engine.sent(count, on: client.connection)
        case "reads":
            client.isStalled = line.words.last == "once"
            if let output = client.inFlight {
                client.inFlight = nil
                read(output, by: client)
            }
            flush(client)
        case "sends":
            feed(line.unescaped, to: client)
        default:
            client.reader.asksForHead.append(line.words[1] == "HEAD")
            feed(try line.request(names), to: client)
        }
    }

    private func feed(_ bytes: [UInt8], to client: Client) {
        longestInput = max(longestInput, bytes.count)
        for piece in cut.pieces(of: bytes) {
            guard !client.connection.hasEnded else { return }
            var piece = piece
            piece.withUnsafeMutableBytes { piece in
                engine.received(UnsafeRawBufferPointer(piece), on: client.connection, lent: true)
                settle()
                // Lent bytes may be overwritten once all effects have been performed.
                for index in piece.indices { piece[index] = UInt8(ascii: "?") }
            }
            settle()
        }
    }
}
