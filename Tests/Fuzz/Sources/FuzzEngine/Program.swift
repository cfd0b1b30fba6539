import Wire

/// One line of a program: a verb, the numbers of what it is about, letters, and a text.
struct Line {
    /// 1 for `a` and `A`, 26 for `z`.
    let verb: UInt8
    /// The digits behind the verb, which count from 0; 0 for what is missing.
    let first: Int
    let second: Int
    private let letters: UnsafeRawBufferPointer
    private let rest: UnsafeRawBufferPointer

    init(_ line: UnsafeRawBufferPointer) {
        let (head, tail) = line.cut(at: UInt8(ascii: " "))
        verb = (head.first ?? 0) & 31
        first = head.count > 1 ? Int(head[1] & 7) : 0
        second = head.count > 2 ? Int(head[2] & 7) : 0
        letters = head.dropBytes(1)
        rest = tail ?? line.dropBytes(line.count)
    }

    func says(_ letter: Unicode.Scalar) -> Bool { letters.contains(UInt8(ascii: letter)) }

    /// The text behind the first blank, with `$n` for CR LF and the like in it spelled out.
    func text(_ names: Names) -> ByteBuffer {
        let text = ByteBuffer()
        var isName = false
        for byte in rest {
            if isName {
                names.append(byte, to: text)
            } else if byte != UInt8(ascii: "$") {
                text.append(byte)
            }
            isName = !isName && byte == UInt8(ascii: "$")
        }
        return text
    }
}

/// What a program cannot know, since the engine makes it up.
struct Names {
    /// The ids of the sessions that there have been, as they stand in `Mcp-Session-Id`.
    var sessions: [ByteBuffer] = []
    /// The last event id on each connection.
    var events = [[UInt8]](repeating: [], count: 8)
    /// The last `requestState` that came.
    var state: [UInt8] = []
    /// The last endpoint of the oldest transport that came.
    var endpoint: [UInt8] = []

    static let oldPath: StaticString = "/sse"

    /// `$1` is the first session's id, `$a` the last event's on the first connection.
    func append(_ name: UInt8, to text: ByteBuffer) {
        switch name {
        case UInt8(ascii: "n"): text.append("\r\n")
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "l"): text.append(0x0A)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): session(Int(name & 0xF), to: text)
        case UInt8(ascii: "a")...UInt8(ascii: "h"): text.append(events[Int(name & 0xF) - 1])
        case UInt8(ascii: "s"): text.append(state)
        case UInt8(ascii: "p"): text.append(endpoint)
        case UInt8(ascii: "m"):
            text.append(
                """
                "io.modelcontextprotocol/protocolVersion":"2026-07-28",\
                "io.modelcontextprotocol/clientCapabilities":\
                {"elicitation":{},"sampling":{},"roots":{}}
                """)
        default: text.append(name)
        }
    }

    /// Where the oldest transport takes messages: of the last session, or of one by its number.
    func endpoint(_ number: Int, to text: ByteBuffer) {
        guard number > 0 else { return text.append(endpoint) }
        text.append(Names.oldPath)
        text.append("?session=")
        session(number, to: text)
    }

    /// Sessions count from 1; one that has not been is a stranger's.
    func session(_ number: Int, to text: ByteBuffer) {
        if sessions.indices.contains(number - 1) {
            text.append(sessions[number - 1])
        } else {
            text.append("ffffffffffffffffffffffffffffffff")
        }
    }
}
