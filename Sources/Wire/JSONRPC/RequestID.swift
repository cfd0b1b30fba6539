/// A JSON-RPC id: an integer or a string, and `1` is not `"1"` (S-013).
package enum RequestID: Hashable, Sendable {
    case integer(Int64)
    /// An integer beyond 64 bits, by its digits.
    case digits([UInt8])
    case string([UInt8])

    /// Appends the id as JSON text.
    package func append(to output: ByteBuffer) {
        switch self {
        case .integer(let value): output.append(decimal: value)
        case .digits(let digits): output.append(digits)
        case .string(let text): text.withUnsafeBytes { output.append(jsonString: $0) }
        }
    }

    /// The bytes that it has on the heap.
    package var byteCount: Int {
        switch self {
        case .integer: 0
        case .digits(let text), .string(let text): text.count
        }
    }
}
