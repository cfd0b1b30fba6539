import Engine
import Wire

/// Text that a command brings along: among that of the others, or, if it is long, in a buffer of
/// its own.
package enum Text {
    case among(Range<Int>)
    case alone(ByteBuffer)
}

/// Commands from other threads, in order, with their texts in one piece of memory.
package struct CommandBatch {
    private var commands: [Command] = []
    private var nextIndex = 0
    private let texts = ByteBuffer()
    private var weight = 0

    package init() {}

    /// What a command weighs besides what it brings.
    package static var ownWeight: Int { 128 }
    private static var roomMax: Int { 256 << 10 }

    /// The bytes of a command's text, valid until the batch is changed.
    package func bytes(of text: Text) -> UnsafeRawBufferPointer {
        switch text {
        case .among(let range): texts[range]
        case .alone(let buffer): buffer.bytes
        }
    }

    fileprivate var isEmpty: Bool { commands.isEmpty }

    /// Takes the next command out; its texts stay.
    package mutating func next() -> Command? {
        guard nextIndex < commands.count else { return nil }
        var command = Command.readOn
        swap(&command, &commands[nextIndex])
        nextIndex += 1
        return command
    }

    /// Adds the command that `make` builds, unless all would then weigh more than `limit`. One that
    /// finds no other waiting may weigh more: waiting would not help it.
    fileprivate mutating func add(
        _ first: inout Letter, _ second: inout Letter, extraWeight: Int, atMost limit: Int,
        _ make: (Text, Text) -> Command
    ) -> Bool {
        let more = CommandBatch.ownWeight + first.count + second.count + extraWeight
        guard limit == .max || weight == 0 || weight + more <= limit else { return false }
        weight += more
        commands.append(make(enclose(&first), enclose(&second)))
        return true
    }

    /// Moves a long text in, so that its caller does not hold it any longer.
    private func enclose(_ letter: inout Letter) -> Text {
        switch letter {
        case .long(let buffer):
            letter = .short(UnsafeRawBufferPointer(start: nil, count: 0))
            return .alone(buffer)
        case .short(let bytes):
            let start = texts.count
            texts.append(bytes)
            return .among(start..<texts.count)
        }
    }

    /// Makes the batch empty. It keeps some room.
    package mutating func clear() {
        weight = 0
        nextIndex = 0
        guard texts.capacity <= CommandBatch.roomMax, commands.count <= 1024 else {
            return self = CommandBatch()
        }
        commands.removeAll(keepingCapacity: true)
        texts.removeAll()
    }
}

/// A caller's text on its way into a batch.
private enum Letter {
    case short(UnsafeRawBufferPointer)
    case long(ByteBuffer)

    /// Copies a long text here: nobody should wait for that.
    init(_ bytes: UnsafeRawBufferPointer) {
        self =
            bytes.count < ServerEngine.longBytes
            ? .short(bytes)
            : .long(ByteBuffer(copying: bytes, room: ServerEngine.envelopeBytes))
    }

    var count: Int {
        switch self {
        case .short(let bytes): bytes.count
        case .long(let buffer): buffer.count
        }
    }
}

/// Commands that wait for the loop's thread, bounded by what they weigh.
///
/// What is put in belongs to the loop's thread from then on. The caller's thread keeps no
/// reference: if it released the last one, it would free what the loop's thread has read, and a
/// host's thread sanitizer, which does not see our reference counts, would call that a data race.
package final class CommandQueue {
    private let waiting = Locked(CommandBatch())
    private let weightMax: Int

    package init(weightMax: Int) {
        self.weightMax = weightMax
    }

    package enum Receipt {
        /// The loop has others to take, or is taking them.
        case joined
        /// It is the only one: the loop must be woken.
        case isFirst
        /// It would be too much, and was not taken.
        case full
    }

    /// Puts in a command that ends something: always.
    package func put(_ command: Command) -> Receipt {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        return put(nothing, nothing, extraWeight: 0, atMost: .max) { _, _ in command }
    }

    /// Puts in the command that `make` builds with copies of two texts, unless all that wait would
    /// then weigh too much. `extraWeight` is the bytes that it brings otherwise.
    package func put(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, extraWeight: Int = 0,
        _ make: (Text, Text) -> Command
    ) -> Receipt {
        put(first, second, extraWeight: extraWeight, atMost: weightMax, make)
    }

    private func put(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, extraWeight: Int,
        atMost limit: Int, _ make: (Text, Text) -> Command
    ) -> Receipt {
        var first = Letter(first)
        var second = Letter(second)
        return waiting.withLock { batch in
            let wasEmpty = batch.isEmpty
            let isIn = batch.add(
                &first, &second, extraWeight: extraWeight, atMost: limit, make)
            return isIn ? (wasEmpty ? .isFirst : .joined) : .full
        }
    }

    /// Takes all commands out, in exchange for a batch that is empty.
    package func exchange(_ batch: inout CommandBatch) {
        waiting.withLock { swap(&$0, &batch) }
    }
}
