/// The id of a stream: 128 random bits, so that the streams of other clients cannot be guessed
/// (M-020).
package struct StreamToken: RandomKey, Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// The id of an event: a position from which its stream can be resumed.
package struct EventID: Hashable, Sendable {
    package let stream: StreamToken
    package let sequence: UInt64

    package init(stream: StreamToken, sequence: UInt64) {
        self.stream = stream
        self.sequence = sequence
    }
}
