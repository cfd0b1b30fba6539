import Foundation
import Testing
import Wire

@Suite("HTTPDate")
struct HTTPDateTests {
    private func text(_ seconds: Int64) -> String {
        ByteBuffer.text { HTTPDate.append(seconds, to: $0) }
    }

    @Test("The example of the standard, and the ends of the calendar")
    func examples() {  // RFC 9110 §5.6.7
        #expect(text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(text(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(text(4_107_542_400) == "Mon, 01 Mar 2100 00:00:00 GMT")
        #expect(text(253_402_300_799) == "Fri, 31 Dec 9999 23:59:59 GMT")
    }

    @Test("What is beyond the calendar is its end, and nothing traps")
    func extremes() {
        #expect(text(.min) == text(0))
        #expect(text(.max) == text(253_402_300_799))
    }

    @Test("Every day of 130 years is the one that the system's calendar has")
    func days() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        for day in Int64(0)..<47_500 {
            let seconds = day * 86_400 + day % 86_400
            let date = Date(timeIntervalSince1970: TimeInterval(seconds))
            #expect(text(seconds) == formatter.string(from: date))
        }
    }
}
