import Fuzzing
import Link
import Session
import Wire

func text(of id: EventID) -> ByteBuffer {
    let text = ByteBuffer()
    EventIDCodec.append(id, to: text)
    return text
}

/// Every id that has a number of 63 bits is read as what was written, and whatever is read is what
/// would be written.
fuzz { input in
    let made = EventID(
        stream: StreamToken(high: input.leadingNumber, low: input.dropBytes(8).leadingNumber),
        sequence: input.dropBytes(16).leadingNumber)
    let written = text(of: made)
    withExtendedLifetime(written) {
        let id = EventIDCodec.read(written.bytes)
        let isRead = made.sequence <= Int64.max
        require(id == (isRead ? made : nil), "\(made) is read as \(String(describing: id))")
    }
    if let id = EventIDCodec.read(input) {
        let again = text(of: id)
        withExtendedLifetime(again) {
            require(again.bytes.equals(input), "\(id) is written in two ways")
        }
    }
    if let id = SessionID(text: input) {
        let again = id.text
        withExtendedLifetime(again) {
            require(again.bytes.equals(input), "\(id) is written in two ways")
        }
    }
}
