/// The media types of the transport, and what Accept and Content-Type say about them.
package enum MediaType: Sendable {
    case json, eventStream

    private var type: StaticString { self == .json ? "application" : "text" }
    private var subtype: StaticString { self == .json ? "json" : "event-stream" }

    /// Whether an Accept value includes this type (RFC 9110 §12.5.1): the most specific range that
    /// matches decides, and a weight of zero excludes.
    package func isAccepted(by accept: UnsafeRawBufferPointer) -> Bool {
        // The value that the transport's clients must send, and do.
        if accept.equals("application/json, text/event-stream") { return true }
        var best = -1
        var admitted = false
        accept.forEachPart(separatedBy: UInt8(ascii: ",")) { range in
            let (essence, parameters) = range.cut(at: UInt8(ascii: ";"))
            let specificity = specificity(of: essence.trimmed)
            guard specificity >= 0, specificity >= best else { return }
            let weighs = !MediaType.hasZeroWeight(parameters)
            admitted = specificity == best ? admitted || weighs : weighs
            best = specificity
        }
        return admitted
    }

    /// Whether a Content-Type value names this type, with no charset but UTF-8.
    package func isNamed(by contentType: UnsafeRawBufferPointer) -> Bool {
        if self == .json, contentType.equals("application/json") { return true }
        let (essence, parameters) = contentType.cut(at: UInt8(ascii: ";"))
        guard specificity(of: essence.trimmed) == 2 else { return false }
        var isUTF8 = true
        parameters?.forEachPart(separatedBy: UInt8(ascii: ";")) { parameter in
            let (name, value) = parameter.cut(at: UInt8(ascii: "="))
            guard name.trimmed.equalsIgnoringCase("charset") else { return }
            let charset = MediaType.unquoted(value?.trimmed ?? name.dropBytes(name.count))
            if !charset.equalsIgnoringCase("utf-8") { isUTF8 = false }
        }
        return isUTF8
    }

    /// 2 for this type, 1 for its wildcard, 0 for any type, -1 for another.
    private func specificity(of range: UnsafeRawBufferPointer) -> Int {
        let (major, minor) = range.cut(at: UInt8(ascii: "/"))
        guard let minor else { return -1 }
        if major.equals("*") { return minor.equals("*") ? 0 : -1 }
        guard major.equalsIgnoringCase(type) else { return -1 }
        if minor.equals("*") { return 1 }
        return minor.equalsIgnoringCase(subtype) ? 2 : -1
    }

    private static func hasZeroWeight(_ parameters: UnsafeRawBufferPointer?) -> Bool {
        var isZero = false
        parameters?.forEachPart(separatedBy: UInt8(ascii: ";")) { parameter in
            let (name, value) = parameter.cut(at: UInt8(ascii: "="))
            guard name.trimmed.equalsIgnoringCase("q"), let weight = value?.trimmed else { return }
            isZero =
                weight.first == UInt8(ascii: "0")
                && weight.allSatisfy {
                    $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".")
                }
        }
        return isZero
    }

    private static func unquoted(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard value.count >= 2, value.first == 0x22, value.last == 0x22 else { return value }
        return UnsafeRawBufferPointer(rebasing: value[1..<value.count - 1])
    }
}
