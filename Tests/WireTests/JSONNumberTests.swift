import Testing
import Wire

@Suite("JSONNumber")
struct JSONNumberTests {
    private static let ninety = String(repeating: "9", count: 90)

    private func isSame(_ left: String, _ right: String) throws -> Bool {
        let left = try #require(parse(left))
        let right = try #require(parse(right))
        return try withExtendedLifetime((left, right)) {
            try #require(JSONNumber(left.root)) == #require(JSONNumber(right.root))
        }
    }

    @Test(
        "Equal numbers are equal, however they are written",
        arguments: [
            ["42", "42.0", "42.000", "4.2e1", "4.2E+1", "420e-1", "0.42e2", "0.0042e4", "42e0"],
            ["-42", "-42.0", "-4.2e1"],
            ["0", "-0", "0.0", "-0.000e5", "0e999999999999999999999", "-0e-99999999999999999999"],
            ["100", "1e2", "1e+0000000000000000000002", "10.0e1", "100.00"],
            ["9007199254740993", "9007199254740993.0", "9.007199254740993e15"],
            [ninety, ninety + ".0", "0." + ninety + "e90", ninety + "0e-1"],
            ["1e999999999", "10e999999998", "0.1e1000000000"],
            ["1.5", "15e-1", "0.15e1", "1.50"],
            ["1e-999999999", "0.1e-999999998"],
        ])
    func equality(_ forms: [String]) throws {  // S-107
        for left in forms {
            for right in forms { #expect(try isSame(left, right), "\(left) \(right)") }
        }
    }

    @Test("Other numbers are not")
    func inequality() throws {  // S-107
        let numbers = [
            "0", "1", "-1", "42", "-42", "4.2", "420", "402", "421", "4200000000", "0.42", "101",
            "9007199254740992", "9007199254740993", "9007199254740994", JSONNumberTests.ninety,
            JSONNumberTests.ninety + "9", "-" + JSONNumberTests.ninety, "1e999999999",
            "1e999999998", "1e-999999999", "1.5", "15",
        ]
        for (index, left) in numbers.enumerated() {
            for right in numbers[(index + 1)...] {
                #expect(try !isSame(left, right), "\(left) \(right)")
                #expect(try !isSame(right, left), "\(left) \(right)")
            }
        }
    }

    @Test(
        "It is an integer if nothing is left after the point",
        arguments: [
            ("42", true), ("42.0", true), ("4.2e1", true), ("4.25e1", false), ("0.0", true),
            ("-0", true), ("42.5", false), ("420e-1", true), ("425e-1", false), ("1e-1", false),
            ("1e999999999999999", true), ("1e-999999999999999", false), ("100e-2", true),
            ("100e-3", false),
        ])
    func integers(_ text: String, _ isInteger: Bool) throws {  // S-107
        let value = try #require(parse(text))
        #expect(JSONNumber(value.root)?.isInteger == isInteger)
        withExtendedLifetime(value) {}
    }

    @Test(
        "Nothing else is a number, nor is what has an exponent that nobody writes",
        arguments: [
            "\"1\"", "true", "null", "[1]", "{}", "\"\"", "1e1000000000000000",
            "1e-1000000000000000", "1e99999999999999999999999999999999999999",
        ])
    func others(_ text: String) throws {
        let value = try #require(parse(text))
        #expect(JSONNumber(value.root) == nil)
        withExtendedLifetime(value) {}
    }
}
