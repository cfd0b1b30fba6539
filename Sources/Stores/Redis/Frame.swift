import CLibc

/// What is sent to other nodes: a head, and what the sender says.
///
/// A sender numbers all that it sends. A frame has the number of the one before on the same
/// channel, so that its receiver sees whether one is missing, and whether one comes again.
struct Frame {
    enum Kind: UInt8 {
        case message = 0
        /// The receiver's session was taken by the sender: its id follows.
        case taken = 1
    }

    let kind: Kind
    let sender: NodeName
    let number: UInt64
    let previous: UInt64
    let content: UnsafeRawBufferPointer

    private static let version: UInt8 = 1
    private static let headLength = 2 + NodeName.length + 16

    static func append(
        _ kind: Kind, from sender: NodeName, number: UInt64, previous: UInt64,
        _ content: UnsafeRawBufferPointer, to bytes: ByteQueue
    ) {
        bytes.append(version)
        bytes.append(kind.rawValue)
        sender.withBytes { bytes.append($0) }
        bytes.append(bigEndian: number)
        bytes.append(bigEndian: previous)
        bytes.append(content)
    }

    /// Nil for what no node has sent: any program can publish on a channel.
    static func parse(_ bytes: UnsafeRawBufferPointer) -> Frame? {
        guard bytes.count >= headLength, bytes[0] == version, let start = bytes.baseAddress,
            let kind = Kind(rawValue: bytes[1])
        else { return nil }
        let numbers = start + 2 + NodeName.length
        let number = UInt64(bigEndian: numbers.loadUnaligned(as: UInt64.self))
        let previous = UInt64(bigEndian: (numbers + 8).loadUnaligned(as: UInt64.self))
        guard previous < number else { return nil }
        return Frame(
            kind: kind, sender: NodeName(start + 2), number: number, previous: previous,
            content: UnsafeRawBufferPointer(rebasing: bytes[headLength...]))
    }
}
