/// The names of the params that the protocol above JSON-RPC wants noted while a message is read.
/// Passed by reference: it is asked for each param.
package final class ParamNames: Sendable {
    private let names: InlineArray<6, StaticString>
    /// For each length of a name, the number of the name, from 1 on.
    private let numbers: InlineArray<16, UInt8>

    package static let none = ParamNames()

    /// Names of different lengths, each less than 16 bytes. A param's number is its position here.
    package init(
        _ first: StaticString = "", _ second: StaticString = "", _ third: StaticString = "",
        _ fourth: StaticString = "", _ fifth: StaticString = "", _ sixth: StaticString = ""
    ) {
        names = [first, second, third, fourth, fifth, sixth]
        var numbers = InlineArray<16, UInt8>(repeating: 0)
        for index in names.indices where names[index].utf8CodeUnitCount > 0 {
            numbers[names[index].utf8CodeUnitCount] = UInt8(index + 1)
        }
        self.numbers = numbers
    }

    var isEmpty: Bool { names[0].utf8CodeUnitCount == 0 }

    /// The number of the param that a name means; nil if it is none of these.
    @inline(__always)
    func number(of name: JSONName) -> Int? {
        if name.hasEscape { return search(for: name) }
        guard name.text.count < 16, case let number = Int(numbers[name.text.count]), number > 0,
            name.text.equals(names[number - 1])
        else { return nil }
        return number - 1
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
    private var texts = InlineArray<6, UnsafeRawBufferPointer>(
        repeating: UnsafeRawBufferPointer(start: nil, count: 0))

    @inline(__always)
    subscript(number: Int) -> JSONValue? {
        get { texts[number].baseAddress == nil ? nil : JSONValue(valid: texts[number]) }
        set { texts[number] = newValue?.text ?? UnsafeRawBufferPointer(start: nil, count: 0) }
    }
}
