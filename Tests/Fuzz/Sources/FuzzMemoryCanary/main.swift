import Fuzzing

nonisolated(unsafe) var sum = 0

/// A read behind the end of an allocation, which nothing but AddressSanitizer sees: run.sh checks
/// that it does.
fuzz { input in
    guard input.count > 2, input[0] == 0x6D, input[1] == 0x65, input[2] == 0x6D else { return }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count, alignment: 1)
    memory.copyMemory(from: input)
    sum &+= Int((memory.baseAddress! + input.count).load(as: UInt8.self))
    memory.deallocate()
}
