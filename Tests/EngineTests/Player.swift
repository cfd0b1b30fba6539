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
    private final class Client {
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

    private let engine: ServerEngine
    private let cut: Cut
    private let names = Names()
    private var clients: [String: Client] = [:]
    private var requests: [String: RequestKey] = [:]
    private var sessions: [String: SessionKey] = [:]
    private var store = NaiveStore()
    private var authorizations: [String: AuthorizationKey] = [:]
    private var outputs: [String] = []
    private var now = Instant(milliseconds: 0)
    /// The host's arguments in the current step.
    private var arguments: [ByteBuffer] = []
    private(set) var longestInput = 0

    init(_ options: ServerOptions, _ cut: Cut) {
        var counter: UInt64 = 0
        engine = ServerEngine(options) {
            counter += 1
            return counter
        }
        self.cut = cut
    }

    /// Plays one input at its time, and returns the outputs.
    func play(_ input: String, at time: Int64) -> [String] {
        outputs = []
        arguments = []
        now = Instant(milliseconds: time)
        advance(to: now)
        let line = Line(input)
        if let client = clients[line.words[0]] {
            play(line, by: client)
        } else if line.words.dropFirst().first == "opened" {
            let peer = line.words.count > 2 ? PeerAddress(ipv4: UInt32(line.words[3])!) : nil
            open(line.words[0], from: peer)
        } else {
            do {
                try command(line)
            } catch {
                outputs.append("fault \(error)")
            }
        }
        settle()
        outputs += engine.violations().map { "violated \($0)" }
        return outputs
    }

    private func advance(to time: Instant) {
        while let deadline = engine.nextDeadline, deadline <= time {
            engine.advance(to: deadline)
            engine.deadlineReached()
            settle()
            if engine.nextDeadline == deadline { return outputs.append("a deadline is stuck") }
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

    private func play(_ line: Line, by client: Client) {
        switch line.words[1] {
        case "lost":
            engine.connectionLost(client.connection)
        case "finishes":
            engine.readingEnded(on: client.connection)
        case "stalls":
            client.isStalled = true
        case "takes":
            client.taken += Int(line.words[2])!
            engine.sent(Int(line.words[2])!, on: client.connection)
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
            feed(line.request(names), to: client)
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

    // MARK: The host

    private func command(_ line: Line) throws(CallerFault) {
        let words = line.words
        let name = words.count > 1 ? words[1] : ""
        let body = bytes(line.body ?? "")
        switch words[0] {
        case "time": break
        case "allow":
            try engine.allow(
                authorization(name), Principal(bytes(words.count > 2 ? words[2] : ""))!,
                expiresIn: words.count > 3 ? Int64(words[3]) : nil)
        case "refuse":
            let texts = words.dropFirst(3).split(separator: "because", maxSplits: 1)
            guard
                let challenge = Challenge(
                    cause(words[2]), scope: bytes(texts.first?.joined(separator: " ") ?? ""),
                    description: bytes(texts.dropFirst().first?.joined(separator: " ") ?? ""))
            else { return outputs.append("no challenge") }
            try engine.refuse(authorization(name), challenge)
        case "respond": try engine.respond(request(name), body)
        case "fail":
            try engine.fail(
                request(name), code: Int32(words[2])!, message: bytes(words[3]),
                data: body)
        case "progress":
            try engine.progress(
                request(name), Double(words[2])!,
                total: words.count > 3 ? Double(words[3])! : nil,
                message: bytes(words.count > 4 ? words[4] : ""))
        case "notify" where name.hasPrefix("r"):
            try engine.notify(request(name), method: bytes(words[2]), params: body)
        case "notify":
            try engine.notify(session(name), method: bytes(words[2]), params: body)
        case "broadcast":
            var broadcast = engine.broadcast(method: bytes(name), params: body)
            while engine.proceed(&broadcast) {}
        case "call" where words[2].hasPrefix("r"):
            try engine.call(
                call(name), request(words[2]), method: bytes(words[3]), params: body,
                data: nil)
        case "call":
            try engine.call(
                call(name), session(words[2]), method: bytes(words[3]), params: body,
                data: nil)
        case "hangup" where name.hasPrefix("r"):
            try engine.hangUp(request(name), retry: Int64(words[2])!)
        case "hangup": try engine.hangUp(session(name), retry: Int64(words[2])!)
        case "loaded":
            let found = store.find(LoadKey(rawValue: UInt64(name.dropFirst())!))
            let isShort = words.last == "short"
            try engine.loaded(
                LoadKey(rawValue: UInt64(name.dropFirst())!),
                words.last == "gap" ? nil : isShort ? found.messages.dropLast() : found.messages,
                hasEnded: found.hasEnded && !isShort)
        case "drain": engine.drain(until: now.advanced(byMilliseconds: Int64(name)!))
        case "stats": outputs.append(describe(engine.statistics))
        case "close" where name == "server": engine.close()
        case "close" where name.hasPrefix("k"): try engine.close(call(name))
        case "close": try engine.close(session(name))
        default: outputs.append("cannot play \(words[0])")
        }
    }

    /// Bytes that are valid until the end of the current step.
    private func bytes(_ text: String) -> UnsafeRawBufferPointer {
        let buffer = ByteBuffer()
        buffer.append(Array(text.utf8))
        arguments.append(buffer)
        return buffer.bytes
    }

    private func request(_ name: String) -> RequestKey {
        requests[name] ?? RequestKey(rawValue: 0)
    }

    private func authorization(_ name: String) -> AuthorizationKey {
        authorizations[name] ?? AuthorizationKey(rawValue: 0)
    }

    private func cause(_ word: String) -> Challenge.Cause {
        switch word {
        case "invalid": .invalidToken
        case "scope": .insufficientScope
        default: .credentialsMissing
        }
    }

    private func session(_ name: String) -> SessionKey {
        sessions[name] ?? SessionKey(rawValue: 0)
    }

    private func call(_ name: String) -> CallKey {
        CallKey(rawValue: UInt64(name.dropFirst())!)
    }

    // MARK: The driver

    /// Does the work of one iteration of the loop.
    private func settle() {
        perform()
        while let connection = engine.nextWritable() {
            if let client = client(of: connection) { flush(client) }
            if !engine.hasWritable { perform() }
        }
    }

    private func flush(_ client: Client) {
        guard client.inFlight == nil, !client.connection.hasEnded,
            let output = engine.takeOutput(of: client.connection)
        else { return }
        if client.isStalled { client.inFlight = output } else { read(output, by: client) }
    }

    private func read(_ output: Output, by client: Client) {
        guard !client.connection.hasEnded else { return }
        outputs += client.reader.read(output.bytes).map { item in
            "\(client.name) \(item.line(names))"
        }
        engine.sent(output.count - client.taken, on: client.connection)
        client.taken = 0
        engine.recycle(output)
    }

    private func perform() {
        while let effect = engine.nextEffect() {
            switch effect {
            case .deliver(let event): outputs.append(describe(event))
            case .store(let order): outputs.append(describe(order))
            case .shutDown(let connection): outputs.append("\(name(of: connection)) shut down")
            case .stopReading(let connection): outputs.append("\(name(of: connection)) stops")
            case .startReading(let connection): outputs.append("\(name(of: connection)) goes on")
            case .close(let connection): outputs.append("\(name(of: connection)) closed")
            case .log(let line): outputs.append("log \(line.text.text)")
            case .closed: outputs.append("server closed")
            }
        }
    }

    private func client(of connection: ServerConnection) -> Client? {
        clients.values.first { $0.connection === connection }
    }

    private func name(of connection: ServerConnection) -> String {
        client(of: connection)?.name ?? "?"
    }

    private func describe(_ order: StoreOrder) -> String {
        store.perform(order)
        switch order {
        case .keep(let event, _): return "keep \(name(of: event.id)) \(event.message.text)"
        case .end(let stream, _):
            return "end \(name(of: EventID(stream: stream, sequence: 0)).dropLast(2))"
        case .load(let load, let cursor, _):
            return "load l\(load.rawValue) after \(name(of: cursor))"
        case .forget(let session):
            return "forget \(names.session(session.text.text))"
        }
    }

    private func name(of id: EventID) -> String {
        let text = ByteBuffer()
        EventIDCodec.append(id, to: text)
        return names.event(text.text)
    }

    /// The figures that are not 0, in the order of declaration. Memory figures are left out, except
    /// unread output.
    private func describe(_ statistics: Statistics) -> String {
        Mirror(reflecting: statistics).children.compactMap { figure in
            let isMemory = figure.label!.hasSuffix("Bytes") && figure.label! != "unsentBytes"
            return (figure.value as? UInt64).flatMap {
                $0 == 0 || isMemory ? nil : "\(figure.label!)=\($0)"
            }
        }.joined(separator: " ")
    }

    private func describe(_ event: HostEvent) -> String {
        var words: [String] = []
        let session = event.session.map { names.session($0.wireID.text) }
        if let session { sessions[session] = event.sessionKey }
        let document = event.message?.text
        switch event.kind {
        case .authorize:
            let name = "a\(authorizations.count + 1)"
            authorizations[name] = event.authorization
            let head = event.head!
            words = ["authorize", name, "\(head.method.name!)", head.targetBytes.text]
            if let credentials = event.credentials {
                words += [credentials.lowercasedScheme.text, credentials.value.text]
            }
        case .request:
            let name = "r\(requests.count + 1)"
            requests[name] = event.request
            words = ["request", name, session ?? "-", "id=\(event.id.text)"]
            words.append(String(decoding: event.method, as: UTF8.self))
        case .notification:
            words = ["notification", session ?? "-", String(decoding: event.method, as: UTF8.self)]
        case .response:
            words = ["response k\(event.call!.rawValue)"] + (document.map { [$0] } ?? [])
        case .cancelled:
            words = ["cancelled", requests.first { $0.value == event.request }?.key ?? "?"]
        case .sessionOpened: words = ["opened \(session!) \(event.revision!.text)"]
        case .sessionClosed: words = ["closed \(session!)"]
        case .primaryOpened: words = ["primary of \(session!) opened"]
        case .primaryClosed: words = ["primary of \(session!) closed"]
        case .primaryGap: words = ["primary of \(session!) has a gap"]
        case .commandFailed, .log, .access, .sessions, .closed: words = ["\(event.kind)"]
        }
        if let principal = event.principal { words.append("by=\(principal.name.text)") }
        if let fault = event.fault { words.append("fault=\(fault)") }
        return words.joined(separator: " ")
    }
}

/// A host's store that stores everything.
struct NaiveStore {
    private var events: [StoredEvent] = []
    private var ended: Set<StreamToken> = []
    private var loads: [LoadKey: EventID] = [:]

    mutating func perform(_ order: StoreOrder) {
        switch order {
        case .keep(let event, _): events.append(event)
        case .end(let stream, _): ended.insert(stream)
        case .load(let load, let cursor, _): loads[load] = cursor
        case .forget: break
        }
    }

    func find(_ load: LoadKey) -> (messages: [ByteBuffer], hasEnded: Bool) {
        guard let cursor = loads[load] else { return ([], false) }
        let found = events.filter {
            $0.id.stream == cursor.stream && $0.id.sequence > cursor.sequence
        }
        return (found.map { $0.message }, ended.contains(cursor.stream))
    }
}

extension ByteBuffer {
    var text: String { withExtendedLifetime(self) { String(decoding: bytes, as: UTF8.self) } }
}

extension UnsafeRawBufferPointer {
    var text: String { String(decoding: self, as: UTF8.self) }
}
