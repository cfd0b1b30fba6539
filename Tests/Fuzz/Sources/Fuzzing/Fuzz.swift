import CLibFuzzer
import CLibc
import Wire

nonisolated(unsafe) private var target: (UnsafeRawBufferPointer) -> Void = { _ in }

/// Hands `body` one input after the other, as the command line says, and ends the program.
package func fuzz(_ body: @escaping (UnsafeRawBufferPointer) -> Void) -> Never {
    target = body
    var count = CommandLine.argc
    var arguments = Optional(CommandLine.unsafeArgv)
    exit(
        LLVMFuzzerRunDriver(&count, &arguments) { start, count in
            target(UnsafeRawBufferPointer(start: start, count: count))
            return 0
        })
}

/// Crashes, which is how a fuzzer tells, unless `condition` holds.
package func require(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID,
    line: UInt = #line
) {
    if !condition { fatalError(message(), file: file, line: line) }
}

/// Cuts `bytes` into pieces of 1 to 16 bytes, as `seed` will have it; at 0 into single bytes.
package func forEachPiece(
    of bytes: UnsafeRawBufferPointer, seed: UInt8, _ body: (UnsafeRawBufferPointer) -> Void
) {
    var rest = bytes
    var state = UInt32(seed)
    while rest.count > 0 {
        state = state &* 1_664_525 &+ (seed == 0 ? 0 : 1_013_904_223)
        let length = Int(state >> 28) + 1
        body(rest.prefixBytes(length))
        rest = rest.dropBytes(length)
    }
}

extension UnsafeRawBufferPointer {
    /// The number that the first eight bytes make; there are as many zeros as bytes are missing.
    package var leadingNumber: UInt64 {
        prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
