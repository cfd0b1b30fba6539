/// A command of a layer above the runtime, which alone knows what its number means.
package struct Errand {
    package let number: UInt32
    /// The request that it is about; 0 for none.
    package let key: UInt64
    package let first: UnsafeRawBufferPointer
    package let second: UnsafeRawBufferPointer
    /// Whether another thread has queued it.
    package let wasQueued: Bool
    /// Whether it will not be run: the server was destroyed before.
    package internal(set) var isDropped = false

    package init(
        _ number: UInt32, _ key: UInt64, _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer, wasQueued: Bool
    ) {
        self.number = number
        self.key = key
        self.first = first
        self.second = second
        self.wasQueued = wasQueued
    }
}
