/// Header lines as text, as `HTTPHead.lines` returns them: fields that are not indexed.
package enum HeaderLines {
    /// Finds the first value of any field in header lines of any case.
    package static func find(
        _ name: UnsafeRawBufferPointer, in lines: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var rest = lines
        while let line = nextLine(&rest) {
            if let value = value(of: name, in: line) { return value }
        }
        return nil
    }

    /// Calls `body` with each value of a field, in order.
    package static func forEachValue(
        of name: UnsafeRawBufferPointer, in lines: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var rest = lines
        while let line = nextLine(&rest) {
            if let value = value(of: name, in: line) { body(value) }
        }
    }

    /// Calls `body` with each field whose name begins with `prefix`: with the rest of its name, and
    /// its value. All names must be in lower case, as those of a head are.
    package static func forEachField(
        withPrefix prefix: StaticString, in lines: UnsafeRawBufferPointer,
        _ body: (_ rest: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) {
        var rest = lines
        while let line = nextLine(&rest) {
            guard line.hasPrefix(prefix) else { continue }
            let (name, value) = line.dropBytes(prefix.utf8CodeUnitCount).cut(at: UInt8(ascii: ":"))
            if let value { body(name, value.trimmed) }
        }
    }

    /// Calls `body` with each line, without its end.
    package static func forEachLine(
        in lines: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var rest = lines
        while let line = nextLine(&rest) { body(line) }
    }

    private static func nextLine(
        _ rest: inout UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let end = rest.firstIndex(ofByte: UInt8(ascii: "\n")) else { return nil }
        defer { rest = rest.dropBytes(end + 1) }
        return rest.prefixBytes(end > 0 && rest[end - 1] == 0x0D ? end - 1 : end)
    }

    private static func value(
        of name: UnsafeRawBufferPointer, in line: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let (candidate, value) = line.cut(at: UInt8(ascii: ":"))
        guard let value, candidate.equalsIgnoringCase(name) else { return nil }
        return value.trimmed
    }
}
