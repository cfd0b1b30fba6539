/// A response's head: its status and its header lines. The reason phrase is ignored (RFC 9112 §4).
package final class ResponseHead: HTTPHead {
    /// The status code, 200 to 999: interim responses are skipped.
    package internal(set) var status = 0

    package override init() {
        super.init()
    }

    package override func reset() {
        super.reset()
        status = 0
    }
}
