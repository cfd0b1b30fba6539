import CLibc

/// Text that is put together for people.
package struct Text {
    private var characters: [CChar] = []

    package init() {}

    package var isEmpty: Bool { characters.isEmpty }

    package mutating func append(_ text: Text) { characters.append(contentsOf: text.characters) }

    package mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount {
            characters.append(CChar(bitPattern: text.utf8Start[index]))
        }
    }

    /// At most `count` characters of a string.
    package mutating func append(_ string: UnsafePointer<CChar>?, atMost count: Int = .max) {
        guard let string else { return }
        for index in 0..<strnlen(string, count) { characters.append(string[index]) }
    }

    package mutating func append(_ number: Int64) {
        var digits: [CChar] = []
        var rest = number.magnitude
        repeat {
            digits.append(CChar(48 + rest % 10))
            rest /= 10
        } while rest > 0
        if number < 0 { characters.append(45) }
        characters.append(contentsOf: digits.reversed())
    }

    /// Up to `count` characters of it, and a NUL, at `place`.
    package func write(to place: UnsafeMutablePointer<CChar>?, size: Int) {
        guard let place, size > 0 else { return }
        let count = min(characters.count, size - 1)
        for index in 0..<count { place[index] = characters[index] }
        place[count] = 0
    }

    package func withCString(_ body: (UnsafePointer<CChar>) -> Void) {
        var terminated = characters
        terminated.append(0)
        terminated.withUnsafeBufferPointer { if let start = $0.baseAddress { body(start) } }
    }
}
