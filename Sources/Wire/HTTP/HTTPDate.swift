/// A date in HTTP's format (RFC 9110 §5.6.7): `Fri, 27 Nov 2026 10:45:08 GMT`.
package enum HTTPDate {
    /// Appends the date of a Unix time, which must be in the years 1970 to 9999.
    package static func append(_ seconds: Int64, to output: ByteBuffer) {
        let clamped = min(max(seconds, 0), lastSecond)
        let days = clamped / 86_400
        let (year, month, day) = civil(days)
        output.append(name(of: Int(days + 4) % 7, in: "SunMonTueWedThuFriSat"))
        output.append(", ")
        appendTwoDigits(day, to: output)
        output.append(" ")
        output.append(name(of: month - 1, in: "JanFebMarAprMayJunJulAugSepOctNovDec"))
        output.append(" ")
        output.append(decimal: year)  // Four digits from 1970 to 9999.
        output.append(" ")
        let second = Int(clamped % 86_400)
        appendTwoDigits(second / 3_600, to: output)
        output.append(":")
        appendTwoDigits(second / 60 % 60, to: output)
        output.append(":")
        appendTwoDigits(second % 60, to: output)
        output.append(" GMT")
    }

    /// The last second of 9999.
    private static var lastSecond: Int64 { 253_402_300_799 }

    /// The Gregorian date of a day since 1970, computed in eras of 400 years that start in March.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, Int(month), Int(day))
    }

    private static func name(of index: Int, in names: StaticString) -> UnsafeRawBufferPointer {
        names.rawBytes.dropBytes(3 * index).prefixBytes(3)
    }

    private static func appendTwoDigits(_ value: Int, to output: ByteBuffer) {
        output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10))
        output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }
}
