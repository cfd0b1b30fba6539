import Engine
import Wire

/// A text of a command: a range of the batch's shared buffer or, if it is long, its own buffer.
package enum Text {
    case among(Range<Int>)
    case alone(ByteBuffer)
}

/// Commands from other threads, in order, with their texts in one shared buffer.
package struct CommandBatch<Command> {
    private var commands: [Command?] = []
    private var nextIndex = 0
    private let texts = ByteBuffer()
    private var weight = 0

    package init() {}

    /// The weight of a command without its texts, in bytes.
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

    /// Removes and returns the next command; its texts stay in the batch.
    package mutating func next() -> Command? {
        guard nextIndex < commands.count else { return nil }
        defer { nextIndex += 1 }
        return commands[nextIndex].take()
    }

    /// Adds the command that `make` builds; false if the total weight would exceed `limit`. An
    /// empty batch accepts a command of any weight, because waiting would not help.
    fileprivate mutating func add(
        _ first: inout Letter, _ second: inout Letter, extraWeight: Int, atMost limit: Int,
        _ make: (Text, Text) -> Command
    ) -> Bool {
        let more = Self.ownWeight + first.count + second.count + extraWeight
        guard limit == .max || weight == 0 || weight + more <= limit else { return false }
        weight += more
        commands.append(make(enclose(&first), enclose(&second)))
        return true
    }

    /// Moves a long text into the batch, so that the caller keeps no reference to it.
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

    /// Empties the batch. It keeps its capacity, up to a limit.
    package mutating func clear() {
        weight = 0
        nextIndex = 0
        guard texts.capacity <= Self.roomMax, commands.count <= 1024 else {
            return self = CommandBatch()
        }
        commands.removeAll(keepingCapacity: true)
        texts.removeAll()
    }
}

/// A caller's text before it is moved into a batch.
private enum Letter {
    case short(UnsafeRawBufferPointer)
    case long(ByteBuffer)

    /// Copies a long text here, outside the lock.
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

/// What became of a command that was put into a queue.
package enum CommandReceipt {
    /// Queued after other commands: the loop is already awake, or will be.
    case joined
    /// The queue was empty: the loop must be woken.
    case isFirst
    /// Not queued: it would exceed the limit.
    case full
}

/// The queue of commands for the loop's thread, bounded by their weight in bytes.
///
/// A queued command belongs to the loop's thread. The caller's thread keeps no reference: if it
/// released the last one, it would free memory that the loop's thread has read, and a host's thread
/// sanitizer, which does not see Swift's reference counts, would report a data race.
package final class CommandQueue<Command> {
    private let waiting = Locked(CommandBatch<Command>())
    private let weightMax: Int

    package init(weightMax: Int) {
        self.weightMax = weightMax
    }

    /// Queues a command without a limit: for commands that end something.
    package func put(_ command: Command) -> CommandReceipt {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        return put(nothing, nothing, extraWeight: 0, atMost: .max) { _, _ in command }
    }

    /// Queues the command that `make` builds with copies of two texts, unless the weight would
    /// exceed the limit. `extraWeight` is the size of its other data in bytes.
    package func put(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, extraWeight: Int = 0,
        _ make: (Text, Text) -> Command
    ) -> CommandReceipt {
        put(first, second, extraWeight: extraWeight, atMost: weightMax, make)
    }

    @_optimize(speed)
    private func put(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, extraWeight: Int,
        atMost limit: Int, _ make: (Text, Text) -> Command
    ) -> CommandReceipt {
        var first = Letter(first)
        var second = Letter(second)
        return waiting.withLock { batch in
            let wasEmpty = batch.isEmpty
            let isIn = batch.add(
                &first, &second, extraWeight: extraWeight, atMost: limit, make)
            return isIn ? (wasEmpty ? .isFirst : .joined) : .full
        }
    }

    /// Takes all commands, and leaves the empty `batch` in their place.
    package func exchange(_ batch: inout CommandBatch<Command>) {
        waiting.withLock { swap(&$0, &batch) }
    }
}
