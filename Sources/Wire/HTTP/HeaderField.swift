/// A header field that heads index while they are read, so that finding it needs no search.
package struct HeaderField: Hashable, CaseIterable, Sendable {
    /// Its index in the table of a head.
    let index: Int

    @inline(__always)
    private init(index: Int) {
        self.index = index
    }

    @inline(__always) package static var host: HeaderField { HeaderField(index: 0) }
    @inline(__always) package static var origin: HeaderField { HeaderField(index: 1) }
    @inline(__always) package static var accept: HeaderField { HeaderField(index: 2) }
    @inline(__always) package static var contentType: HeaderField { HeaderField(index: 3) }
    @inline(__always) package static var contentLength: HeaderField { HeaderField(index: 4) }
    @inline(__always) package static var lastEventID: HeaderField { HeaderField(index: 5) }
    @inline(__always) package static var authorization: HeaderField { HeaderField(index: 6) }
    @inline(__always) package static var expect: HeaderField { HeaderField(index: 7) }
    @inline(__always) package static var transferEncoding: HeaderField { HeaderField(index: 8) }
    @inline(__always) package static var contentEncoding: HeaderField { HeaderField(index: 9) }

    /// The field that `ExtensionFields` names at `number`, which is below `countMax`.
    @inline(__always)
    package static func `extension`(_ number: Int) -> HeaderField {
        HeaderField(index: firstExtension + number)
    }

    private static var firstExtension: Int { 10 }

    /// The size of a head's table.
    static var count: Int { firstExtension + ExtensionFields.countMax }

    package static var allCases: [HeaderField] { (0..<count).map { HeaderField(index: $0) } }

    /// Finds the field that a lower-case name means.
    init?(name: UnsafeRawBufferPointer, _ extensions: UnsafePointer<ExtensionFields>) {
        switch name.count {
        case 4 where name.equals("host"): self = .host
        case 6 where name.equals("origin"): self = .origin
        case 6 where name.equals("accept"): self = .accept
        case 6 where name.equals("expect"): self = .expect
        case 12 where name.equals("content-type"): self = .contentType
        case 13 where name.equals("last-event-id"): self = .lastEventID
        case 13 where name.equals("authorization"): self = .authorization
        case 14 where name.equals("content-length"): self = .contentLength
        case 16 where name.equals("content-encoding"): self = .contentEncoding
        case 17 where name.equals("transfer-encoding"): self = .transferEncoding
        default:
            guard let number = extensions.pointee.number(of: name) else { return nil }
            self = .extension(number)
        }
    }
}

/// The fields that the protocol above HTTP wants indexed with HTTP's own.
package struct ExtensionFields: Sendable {
    package static var countMax: Int { 4 }

    private let names: InlineArray<4, StaticString>
    /// Bit n is set if a name has n bytes: most header lines need no further look.
    private let lengths: UInt64

    /// The names in lower case, of less than 64 bytes. A field's number is its position here.
    package init(
        _ first: StaticString = "", _ second: StaticString = "", _ third: StaticString = "",
        _ fourth: StaticString = ""
    ) {
        names = [first, second, third, fourth]
        var lengths: UInt64 = 0
        for index in names.indices where names[index].utf8CodeUnitCount > 0 {
            lengths |= 1 << UInt64(names[index].utf8CodeUnitCount)
        }
        self.lengths = lengths
    }

    /// The number of the field that a lower-case name means; nil if it is none of these.
    @inline(__always)
    func number(of name: UnsafeRawBufferPointer) -> Int? {
        guard name.count < 64, lengths & 1 << UInt64(name.count) != 0 else { return nil }
        return search(for: name)
    }

    private func search(for name: UnsafeRawBufferPointer) -> Int? {
        for index in names.indices where name.equals(names[index]) { return index }
        return nil
    }
}
