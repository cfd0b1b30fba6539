/// The names of the params that the protocol above JSON-RPC wants noted while a message is read.
package struct ParamNames: Sendable {
    private let names: InlineArray<6, StaticString>
    /// Bit n is set if a name has n bytes: most params need no further look.
    private let lengths: UInt64

    package static let none = ParamNames()

    /// Names of less than 64 bytes. A param's number is its position here.
    package init(
        _ first: StaticString = "", _ second: StaticString = "", _ third: StaticString = "",
        _ fourth: StaticString = "", _ fifth: StaticString = "", _ sixth: StaticString = ""
    ) {
        names = [first, second, third, fourth, fifth, sixth]
        var lengths: UInt64 = 0
        for index in names.indices where names[index].utf8CodeUnitCount > 0 {
            lengths |= 1 << UInt64(names[index].utf8CodeUnitCount)
        }
        self.lengths = lengths
    }

    var isEmpty: Bool { lengths == 0 }

    /// The number of the param that a name means; nil if it is none of these.
    @inline(__always)
    func number(of name: JSONName) -> Int? {
        let length = name.text.count
        guard name.hasEscape || length < 64 && lengths & 1 << UInt64(length) != 0 else {
            return nil
        }
        return search(for: name)
    }

    private func search(for name: JSONName) -> Int? {
        for index in names.indices
        where names[index].utf8CodeUnitCount > 0 && name.means(names[index].rawBytes) {
            return index
        }
        return nil
    }
}

/// The values of the params that `ParamNames` names.
struct NotedParams {
    private var values: InlineArray<6, JSONValue?> = .init(repeating: nil)

    subscript(number: Int) -> JSONValue? {
        get { values[number] }
        set { values[number] = newValue }
    }
}
