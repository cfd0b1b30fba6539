import Fuzzing
import Replay
import Session
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

    /// Sends a message, which is on one line.
    private mutating func send(_ text: UnsafeRawBufferPointer) {
        let message = ByteBuffer(copying: text)
        message.joinLines()
        SSEFrame.append(to: stream) { $0.append(message) }
        expect(withExtendedLifetime(message) { Array(message.bytes) })
    }

    private mutating func expect(_ message: [UInt8]) {
        events.append(
            .init(type: Array("message".utf8), data: message, lastEventID: lastEventID))
    }
}

/// What is framed is what a client reads. The first byte says how the stream is cut on its way; then
/// come a kind, a length, and so many bytes, again and again.
fuzz { input in
    guard let seed = input.first else { return }
    var expected = Expected()
    var rest = input.dropBytes(1)
    while rest.count > 1 {
        let text = rest.dropBytes(2).prefixBytes(Int(rest[1]))
        expected.append(rest[0], text)
        rest = rest.dropBytes(2 + text.count)
    }
    var reader = EventStreamReader()
    forEachPiece(of: expected.stream.bytes, seed: seed) { reader.read($0) }
    withExtendedLifetime(expected.stream) {}
    require(reader.events == expected.events, "\(reader.events)\nis not\n\(expected.events)")
    require(reader.retry == expected.retry, "a wrong retry")
    require(reader.isBetweenEvents, "the stream ends within an event")
}
