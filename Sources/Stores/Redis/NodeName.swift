import CStore

/// The name of a server that shares the store.
struct NodeName: Equatable {
    private let first: UInt64
    private let second: UInt64

    static let length = Int(SHTTP_NODE_BYTES)
    /// The length of its hexadecimal digits.
    static let textLength = 2 * length

    /// The first bytes of `bytes`, which has at least as many.
    init(_ bytes: UnsafeRawPointer) {
        first = bytes.loadUnaligned(as: UInt64.self)
        second = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }

    /// Nobody.
    init() {
        first = 0
        second = 0
    }

    /// The name that hexadecimal digits stand for; nil if they are none.
    static func parse(_ text: UnsafeRawBufferPointer) -> NodeName? {
        guard text.count == textLength else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<textLength {
            guard let digit = hexadecimalDigit(text[index]) else { return nil }
            if index < length {
                words.0 = words.0 << 4 | UInt64(digit)
            } else {
                words.1 = words.1 << 4 | UInt64(digit)
            }
        }
        var bytes = (words.0.bigEndian, words.1.bigEndian)
        return withUnsafeBytes(of: &bytes) { $0.baseAddress.map { NodeName($0) } }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var words = (first, second)
        return withUnsafeBytes(of: &words, body)
    }

    func withPointer(_ body: (UnsafePointer<UInt8>?) -> Void) {
        withBytes { body($0.assumingMemoryBound(to: UInt8.self).baseAddress) }
    }

    /// A number that differs from node to node.
    var seed: UInt64 { first ^ second }
}

/// The value of a hexadecimal digit; nil if it is none.
func hexadecimalDigit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}
