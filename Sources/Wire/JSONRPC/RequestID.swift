/// A JSON-RPC id: an integer or a string, and `1` is not `"1"` (S-013).
package enum RequestID: Hashable, Sendable {
    case integer(Int64)
    /// A string, or the digits of an integer beyond 64 bits: an enum of two cases is cheaper to
    /// copy than one of three.
    case text([UInt8], isNumber: Bool)

    package static func string(_ text: [UInt8]) -> RequestID { .text(text, isNumber: false) }
    package static func digits(_ text: [UInt8]) -> RequestID { .text(text, isNumber: true) }

    /// Appends the id as JSON text.
    package func append(to output: ByteBuffer) {
        switch self {
        case .integer(let value): output.append(decimal: value)
        case .text(let digits, isNumber: true): output.append(digits)
        case .text(let text, isNumber: false):
            text.withUnsafeBytes { output.append(jsonString: $0) }
        }
    }

    /// Its bytes on the heap.
    package var byteCount: Int {
        switch self {
        case .integer: 0
        case .text(let text, _): text.count
        }
    }
}
