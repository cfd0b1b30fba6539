import Engine
import Fuzzing
import Link
import Oracle
import Wire

/// What a client is to see of one stream.
struct Expected {
    let stream = ByteBuffer()
    private(set) var events: [EventStreamReader.Event] = []
    private(set) var retry: UInt64?
    private var lastEventID: [UInt8] = []

    /// Writes one thing to the stream. `text` is a message, and the numbers of what has some.
    mutating func append(_ kind: UInt8, _ text: UnsafeRawBufferPointer) {
        switch kind % 6 {
        case 0:
            stream.append(SSEFrame.opening)
        case 1:
            stream.append(SSEFrame.keepAlive)
        case 2:
            let pause = Int64(truncatingIfNeeded: text.leadingNumber & 0x7FFF_FFFF)
            SSEFrame.appendRetry(pause, to: stream)
            retry = UInt64(pause)
        case 3:
            let id = name(text)
            SSEFrame.appendPriming(to: stream) { EventIDCodec.append(id, to: $0) }
            expect([])
        case 4:
            let id = name(text)
            SSEFrame.appendID(to: stream) { EventIDCodec.append(id, to: $0) }
            send(text)
        default:
            send(text)
        }
    }

    /// The id that the bytes make, which is the client's last one from now on.
    private mutating func name(_ bytes: UnsafeRawBufferPointer) -> EventID {
        let id = EventID(
            stream: StreamToken(high: bytes.leadingNumber, low: bytes.dropBytes(8).leadingNumber),
            sequence: bytes.dropBytes(16).leadingNumber)
        let text = ByteBuffer()
        EventIDCodec.append(id, to: text)
        lastEventID = withExtendedLifetime(text) { Array(text.bytes) }
        return id
    }

    /// Sends what a host may send: JSON, however it is laid out, or else the text as a string.
    private mutating func send(_ text: UnsafeRawBufferPointer) {
        let message = ByteBuffer()
        if let json = JSONValue(text, depthMax: hostMessage.depthMax)?.text {
            try? hostMessage.messages.withValue(text) { message.append($0) }
            expect(onOneLine(json))
        } else if UTF8Text.isValid(text) {
            message.append(jsonString: text)
            expect(quoted(text))
        } else {
            return
        }
        SSEFrame.append(to: stream) { $0.append(message) }
    }

    private mutating func expect(_ message: [UInt8]) {
        events.append(
            .init(type: Array("message".utf8), data: message, lastEventID: lastEventID))
    }
}

/// What the library checks a host's JSON with.
let hostMessage = (messages: HostMessage(ServerOptions()), depthMax: Limits().jsonDepth)

/// Whether some client ends a line here: any of those that Python's `splitlines` names.
func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
}

/// JSON text of the same meaning on which no client finds a line end.
func onOneLine(_ json: UnsafeRawBufferPointer) -> [UInt8] {
    var line = ""
    for scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
        switch scalar {
        case "\n", "\r": line += " "
        case _ where isLineEnd(scalar): line += escape(scalar)
        default: line.unicodeScalars.append(scalar)
        }
    }
    return Array(line.utf8)
}

/// A text as a JSON string.
func quoted(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var line = "\""
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
        switch scalar {
        case "\"", "\\": line += "\\\(scalar)"
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        case _ where scalar.value < 0x20 || isLineEnd(scalar): line += escape(scalar)
        default: line.unicodeScalars.append(scalar)
        }
    }
    return Array((line + "\"").utf8)
}

func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
}

/// What is framed is what a client reads, whatever it takes for the end of a line. The first byte
/// says how the stream is cut on its way; then come a kind, a length, and so many bytes, again and
/// again. The client's parser reads the same of what is framed, and of the input itself.
fuzz { input in
    guard let seed = input.first else { return }
    var expected = Expected()
    var rest = input.dropBytes(1)
    while rest.count > 1 {
        let text = rest.dropBytes(2).prefixBytes(Int(rest[1]))
        expected.append(rest[0], text)
        rest = rest.dropBytes(2 + text.count)
    }
    let stream = expected.stream
    var reader = EventStreamReader()
    forEachPiece(of: stream.bytes, seed: seed) { reader.read($0) }
    require(reader.events == expected.events, "\(reader.events)\nis not\n\(expected.events)")
    require(reader.retry == expected.retry, "a wrong retry")
    require(reader.isBetweenEvents, "the stream ends within an event")
    let others = String(decoding: stream.bytes, as: UTF8.self).unicodeScalars
        .filter { $0 != "\n" && isLineEnd($0) }
    require(others.isEmpty, "some client takes \(others) for line ends")
    checkParser(stream.bytes, seed: seed)
    withExtendedLifetime(stream) {}
    checkParser(input.dropBytes(1), seed: seed)
}
