import Link
import Session
import Wire

/// The messages of one POST, in a revision that has batches (S-260). They are handled one after
/// the other, and their answers share the response.
final class Batch {
    private let text: ByteBuffer
    /// Where the messages are in the text.
    private let places: [Range<Int>]
    private var nextIndex = 0
    /// The answers so far, if the response is a document: an array that is not closed.
    private(set) var answers: ByteBuffer?
    /// Whether the head of the response, a stream, has been written.
    var hasStream = false
    /// Whether messages are being handled, so that an answer need not see to the next one.
    var isGoingOn = false
    /// Nil without sessions.
    let session: ServerSession?
    let shares: Shares

    /// `text` is an array of messages that have been read already.
    init(
        _ text: ByteBuffer, _ places: [Range<Int>], isDocument: Bool, of session: ServerSession?,
        _ shares: Shares
    ) {
        self.session = session
        self.text = text
        self.places = places
        self.shares = shares
        answers = isDocument ? ByteBuffer() : nil
    }

    /// The most messages of a batch.
    static var countMax: Int { 100 }

    /// Its memory, with the answers so far.
    var heldBytes: Int {
        160 + text.heldBytes + places.count * 16 + (answers?.heldBytes ?? 0)
    }

    var heapBytes: Int {
        HeapBlock.size(of: self) + text.heapBytes + HeapBlock.size(of: places)
            + (answers?.heapBytes ?? 0)
    }

    /// The text of the next message.
    func next() -> ByteBuffer? {
        guard nextIndex < places.count else { return nil }
        nextIndex += 1
        return ByteBuffer(copying: text[places[nextIndex - 1]])
    }

    func add(_ answer: ByteBuffer) {
        answers?.append(answers?.isEmpty == true ? "[" : ",")
        answers?.append(answer)
    }
}
