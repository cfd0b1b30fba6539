import Engine
import Link
import Replay
import Session
import Simulation
import Wire

extension Player {
    /// Does the work of one iteration of the loop.
    func settle() {
        perform()
        repeat {
            while let connection = engine.nextWritable() {
                if let client = client(of: connection) { flush(client) }
                perform()
            }
            perform()
        } while engine.endTurn()
    }

    func flush(_ client: Client) {
        guard client.inFlight == nil, !client.connection.hasEnded,
            let output = engine.takeOutput(of: client.connection)
        else { return }
        if client.isStalled { client.inFlight = output } else { read(output, by: client) }
    }

    func read(_ output: Output, by client: Client) {
        guard !client.connection.hasEnded else { return }
        outputs += client.reader.read(output.bytes).map { item in
            "\(client.name) \(names.statesNamed(in: named(item.line(names))))"
        }
        engine.sent(output.count - client.taken, on: client.connection)
        client.taken = 0
        engine.recycle(output)
    }

    /// Names the session of the URL that the oldest transport sends.
    private func named(_ line: String) -> String {
        guard let match = line.firstMatch(of: /\?session=([0-9a-f]{32})$/) else { return line }
        return String(line[..<match.range.lowerBound]) + "?session="
            + names.session(String(match.output.1))
    }

    private func perform() {
        while let effect = engine.nextEffect() {
            switch effect {
            case .deliver(let event): outputs.append(describe(event))
            case .store(let order): outputs.append(describe(order))
            case .shutDown(let connection): outputs.append("\(name(of: connection)) shut down")
            case .stopReading(let connection): outputs.append("\(name(of: connection)) stops")
            case .startReading(let connection): outputs.append("\(name(of: connection)) goes on")
            case .close(let connection):
                let head = connection.diversion?.bytes.text.split(separator: "\r\n").first
                let end = head.map { "diverted \($0)" } ?? "closed"
                outputs.append("\(name(of: connection)) \(end)")
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
        case .begin(let stream, let record, _):
            let name = name(of: EventID(stream: stream, sequence: 0)).dropLast(2)
            return "begin \(name) \(record.text)"
        case .keepSession(let session, let record):
            return "keep \(names.session(session.text.text)) \(describe(record: record))"
        case .touchSession(let session):
            return "touch \(names.session(session.text.text))"
        case .findSession(let load, let session):
            return "find l\(load.rawValue) \(names.session(session.text.text))"
        case .forgetSession(let session):
            return "forget session \(names.session(session.text.text))"
        case .releaseSession(let session):
            return "release session \(names.session(session.text.text))"
        case .send: return "send"
        }
    }

    /// A session's record, with names for its streams.
    private func describe(record: ByteBuffer) -> String {
        record.text.replacing(/"([0-9a-f]{32})"/) { match in
            "\"\(names.event("\(match.output.1).0").dropLast(2))\""
        }
    }

    private func name(of id: EventID) -> String {
        let text = ByteBuffer()
        EventIDCodec.append(id, to: text)
        return names.event(text.text)
    }

    /// The figures that are not 0, in the order of declaration. Memory figures are left out, except
    /// unread output.
    func describe(_ statistics: Statistics) -> String {
        Mirror(reflecting: statistics).children.compactMap { figure in
            let isMemory = figure.label!.hasSuffix("Bytes") && figure.label! != "unsentBytes"
            return (figure.value as? UInt64).flatMap {
                $0 == 0 || isMemory ? nil : "\(figure.label!)=\($0)"
            }
        }.joined(separator: " ")
    }

    /// What stands for the session where there is none.
    private func era(of event: HostEvent) -> String {
        event.revision == .modern ? "modern" : "-"
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
        case .request, .initialize:
            let name = "r\(requests.count + 1)"
            requests[name] = event.request
            words = ["request", name, session ?? era(of: event), "id=\(event.id.text)"]
            words.append(String(decoding: event.method, as: UTF8.self))
        case .notification:
            words = ["notification", session ?? era(of: event)]
            words.append(String(decoding: event.method, as: UTF8.self))
        case .response:
            words = ["response k\(event.call!.rawValue)"] + (document.map { [$0] } ?? [])
        case .cancelled:
            words = ["cancelled", requests.first { $0.value == event.request }?.key ?? "?"]
        case .sessionOpened: words = ["opened \(session!) \(event.revision!.text)"]
        case .sessionClosed: words = ["closed \(session!)"]
        case .primaryOpened: words = ["primary of \(session!) opened"]
        case .primaryClosed: words = ["primary of \(session!) closed"]
        case .primaryGap: words = ["primary of \(session!) has a gap"]
        case .resourceSubscribed: words = ["subscribed", event.uri!.text]
        case .resourceUnsubscribed: words = ["unsubscribed", event.uri!.text]
        case .httpRequest:
            let name = "x\(exchanges.count + 1)"
            exchanges[name] = event.exchange
            words = ["http", name, event.head!.methodName.text, event.head!.targetBytes.text]
            if let document, !document.isEmpty { words.append(document) }
        case .httpClosed, .httpWritable:
            words = ["\(event.kind)", exchanges.first { $0.value == event.exchange }?.key ?? "?"]
        case .tagReleased: words = ["released"]
        case .writable:
            let request = requests.first { $0.value == event.request && event.request != nil }
            words = ["writable", request?.key ?? session ?? "?"]
        case .commandFailed, .log, .access, .sessions, .toolCall, .closed:
            words = ["\(event.kind)"]
        }
        if let principal = event.principal { words.append("by=\(principal.name.text)") }
        if let tag = event.principal?.tag, tag != 0 { words.append("tag=\(tag)") }
        if let fault = event.fault { words.append("fault=\(fault)") }
        return words.joined(separator: " ")
    }
}

extension ByteBuffer {
    var text: String { withExtendedLifetime(self) { String(decoding: bytes, as: UTF8.self) } }
}

extension UnsafeRawBufferPointer {
    var text: String { String(decoding: self, as: UTF8.self) }
}
