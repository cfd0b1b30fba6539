import CLibc

/// The first bytes of a text, inside of whoever keeps them, so that nothing is allocated.
package struct ShortText {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// The length of the text; one more than the capacity if it was longer.
    private var length: UInt8 = 0

    package static var capacity: Int { 32 }

    package init() {}

    package init(_ text: UnsafeRawBufferPointer) {
        set(text)
    }

    /// Keeps a text, where none was kept.
    @inline(__always)
    package mutating func set(_ text: UnsafeRawBufferPointer) {
        guard let source = text.baseAddress else { return }
        length = UInt8(truncatingIfNeeded: min(text.count, ShortText.capacity + 1))
        withUnsafeMutableBytes(of: &words) { room in
            if let place = room.baseAddress { memcpy(place, source, min(text.count, room.count)) }
        }
    }

    package var isEmpty: Bool { length == 0 }

    /// Calls `body` with the bytes.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: words) { body($0.prefixBytes(Int(length))) }
    }

    /// Whether it is a text, which fits.
    package func equals(_ text: UnsafeRawBufferPointer) -> Bool {
        !isCut && withBytes { $0.equals(text) }
    }

    /// Whether it is not the whole text.
    package var isCut: Bool { Int(length) > ShortText.capacity }
}
