import Fuzzing
import Oracle
import Wire

/// What a parser tells of a stream.
struct Told: Equatable {
    var events: [EventStreamReader.Event] = []
    var cursor: [UInt8] = []
    var retry: UInt64?
    var isTooLong = false
}

/// Has a parser read a stream that is cut as `seed` will have it; whole if it is nil.
private func tell(_ bytes: UnsafeRawBufferPointer, seed: UInt8?, bytesMax: Int) -> Told {
    var parser = SSEParser(bytesMax: bytesMax)
    var told = Told()
    func read(_ piece: UnsafeRawBufferPointer) {
        var rest = piece
        while rest.count > 0, !told.isTooLong {
            let (step, used) = parser.parse(rest)
            require(used <= rest.count, "used more than there was")
            rest = rest.dropBytes(used)
            switch step {
            case .needsMore: require(rest.isEmpty, "some bytes were not used")
            case .tooLong: told.isTooLong = true
            case .event:
                let type = parser.type.isEmpty ? Array("message".utf8) : Array(parser.type)
                told.events.append(
                    .init(
                        type: type, data: Array(parser.data), lastEventID: Array(parser.lastEventID)
                    ))
            }
        }
        // Buffers double their room.
        require(parser.heldBytes <= 5 * (2 * bytesMax + 256), "\(parser.heldBytes) bytes are held")
    }
    if let seed { forEachPiece(of: bytes, seed: seed, read) } else { read(bytes) }
    told.cursor = Array(parser.lastEventID)
    told.retry = parser.retry.map { UInt64($0) }
    return told
}

/// Whatever a server sends, the parser reads what the reader does, however it is cut, up to what
/// is too long.
func checkParser(_ bytes: UnsafeRawBufferPointer, seed: UInt8) {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    var reader = EventStreamReader()
    reader.read(bytes.starts(with: mark) ? bytes.dropBytes(3) : bytes)
    let expected = Told(
        events: reader.events, cursor: reader.cursor,
        retry: reader.retry.map { min($0, UInt64(Int64.max)) })
    let whole = tell(bytes, seed: nil, bytesMax: bytes.count)
    require(whole == expected, "\(whole)\nis not\n\(expected)")
    require(tell(bytes, seed: seed, bytesMax: bytes.count) == expected, "another stream in pieces")

    let short = tell(bytes, seed: nil, bytesMax: 24)
    require(tell(bytes, seed: seed, bytesMax: 24) == short, "another short stream in pieces")
    require(expected.events.starts(with: short.events), "\(short) does not begin \(expected)")
    let hasLongLine = bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).contains {
        $0.count > 24 + mark.count
    }
    require(short.isTooLong || !hasLongLine, "a line of any length")
    require(short.isTooLong || short == expected, "another stream")
}
