/// A JSON-RPC id: an integer or a string, and `1` is not `"1"` (S-013).
package enum RequestID: Hashable, Sendable {
    case integer(Int64)
    case string([UInt8])

    /// Appends the id as JSON text.
    package func append(to output: ByteBuffer) {
        switch self {
        case .integer(let value): output.append(decimal: value)
        case .string(let text): text.withUnsafeBytes { output.append(jsonString: $0) }
        }
    }
}
