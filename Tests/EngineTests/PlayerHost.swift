import Engine
import Link
import Session
import Simulation
import Wire

extension Player {
    /// Does what the host is to do.
    func command(_ line: Line) throws {
        let words = line.words
        let name = words.count > 1 ? words[1] : ""
        let body = bytes(line.body ?? "")
        switch words[0] {
        case "time": break
        case "restart": restart()
        case "respond": try engine.respond(request(name), body)
        case "fail":
            try engine.fail(
                request(name), code: try line.number(2), message: bytes(try line.word(3)),
                data: body, isInBand: words.last == "in-band")
        case "progress":
            try engine.progress(
                request(name), try line.number(2),
                total: words.count > 3 ? try line.number(3) : nil,
                message: bytes(words.count > 4 ? words[4] : ""))
        case "notify" where name.hasPrefix("r"):
            try engine.notify(request(name), method: bytes(try line.word(2)), params: body)
        case "notify":
            try engine.notify(session(name), method: bytes(try line.word(2)), params: body)
        case "broadcast":
            var broadcast = engine.broadcast(method: bytes(name), params: body)
            while engine.proceed(&broadcast) {}
        case "publish": try publish(line)
        case "tools": try engine.setTools(body)
        case "hangup" where name.hasPrefix("r"):
            try engine.hangUp(request(name), retry: try line.number(2))
        case "hangup": try engine.hangUp(session(name), retry: try line.number(2))
        case "writable" where name.hasPrefix("r"): try engine.whenWritable(request(name))
        case "writable": try engine.whenWritable(session(name))
        case "elsewhere": engine.isElsewhere = { $0.text == name }
        case "loaded":
            let load = LoadKey(rawValue: try line.key(1))
            let found = store.find(load)
            let isShort = words.last == "short"
            try engine.loaded(
                load,
                words.last == "gap" ? nil : isShort ? found.messages.dropLast() : found.messages,
                isShort ? .open(record: nil) : found.state)
        case "written": engine.kept(upTo: UInt64(try line.number(1) as Int64))
        case "found":
            let load = LoadKey(rawValue: try line.key(1))
            let record = words.count > 2 || line.body != nil ? body : store.record(load)?.bytes
            try engine.found(load, words.last == "nothing" ? bytes("") : record ?? bytes(""))
        case "drain": engine.drain(until: now.advanced(byMilliseconds: try line.number(1)))
        case "stats": outputs.append(describe(engine.statistics))
        case "close" where name == "server": engine.close()
        case "close" where name.hasPrefix("k"): try engine.close(CallKey(rawValue: try line.key(1)))
        case "close": try engine.close(session(name))
        default: try ask(line)
        }
    }

    /// Asks a client, or authorizes one.
    private func ask(_ line: Line) throws {
        let words = line.words
        let name = words.count > 1 ? words[1] : ""
        let body = bytes(line.body ?? "")
        switch words[0] {
        case "call" where try line.word(2).hasPrefix("r"):
            for key in try line.keys(1) {
                try engine.call(
                    CallKey(rawValue: key), request(words[2]), method: bytes(try line.word(3)),
                    params: body, data: nil)
            }
        case "call":
            try engine.call(
                CallKey(rawValue: try line.key(1)), session(words[2]),
                method: bytes(try line.word(3)), params: body, data: nil)
        case "allow":
            let tag = words.dropFirst(4).first.flatMap { UInt64($0.dropFirst(4)) } ?? 0
            let principal = Principal(bytes(words.count > 2 ? words[2] : ""), tag: tag)
            guard let principal else {
                throw TranscriptError("\(words[2]) is no principal")
            }
            try engine.allow(
                authorization(name), principal,
                expiresIn: words.count > 3 && words[3] != "-" ? try line.number(3) : nil)
        case "refuse":
            let texts = words.dropFirst(3).split(separator: "because", maxSplits: 1)
            guard
                let challenge = Challenge(
                    try cause(line.word(2)),
                    scope: bytes(texts.first?.joined(separator: " ") ?? ""),
                    description: bytes(texts.dropFirst().first?.joined(separator: " ") ?? ""))
            else { return outputs.append("no challenge") }
            try engine.refuse(authorization(name), challenge)
        case "answer" where name.hasPrefix("a"):
            try answer(authorization(name).rawValue, .refusal(status: line.number(2)), line)
        case "answer": try answer(exchange(name), .whole(status: line.number(2)), line)
        case "start": try answer(exchange(name), .start(status: line.number(2)), line)
        case "write": try answer(exchange(name), .part, line)
        case "end": try answer(exchange(name), .end, line)
        default: throw TranscriptError("nobody does `\(words[0])`")
        }
    }

    /// `answer x1 200 x-a=1 "body"`: words with a name and a value are header fields, and
    /// `bytes=100` is a body of that length.
    private func answer(
        _ key: UInt64, _ step: ServerEngine.AnswerStep, _ line: Line
    ) throws {
        let lines = ByteBuffer()
        var body = String((line.body ?? "").dropFirst().dropLast())
        for word in line.words.dropFirst(2) {
            let part = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard part.count > 1 else { continue }
            if part[0] == "bytes" {
                body = String(repeating: "b", count: Int(part[1]) ?? 0)
            } else if !lines.appendField(checking: bytes(part[0]), bytes(part[1])) {
                return outputs.append("no field: \(word)")
            }
        }
        try withExtendedLifetime(lines) {
            try engine.answer(key, step, lines.bytes, bytes(body))
        }
    }

    private func exchange(_ name: String) -> UInt64 { exchanges[name]?.rawValue ?? 0 }

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

    private func cause(_ word: String) throws(TranscriptError) -> Challenge.Cause {
        switch word {
        case "none": .credentialsMissing
        case "invalid": .invalidToken
        case "scope": .insufficientScope
        default: throw TranscriptError("no cause is called \(word)")
        }
    }

    private func publish(_ line: Line) throws {
        let change = try change(line.word(1))
        let covering = line.words.dropFirst(4).map { ByteBuffer(copying: bytes($0)) }
        var publication = engine.publish(
            change, bytes(change == .resource ? try line.word(2) : ""), covering: covering)
        while engine.proceed(&publication) {}
    }

    private func change(_ word: String) throws(TranscriptError) -> Change {
        switch word {
        case "tools": .tools
        case "prompts": .prompts
        case "resources": .resources
        case "resource": .resource
        default: throw TranscriptError("nothing that is called \(word) can change")
        }
    }

    private func session(_ name: String) -> SessionKey {
        sessions[name] ?? SessionKey(rawValue: 0)
    }
}
