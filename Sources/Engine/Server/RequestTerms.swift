import MCP

/// By which rules a request is answered.
struct RequestTerms {
    var revision = Revision.assumed
    var policy = ResponsePolicy(modern: .json)
    var isInitialize = false
    /// The least severe log line that the client wants, if the policy filters them; nil for none.
    var logLevel: LogSeverity?
    /// Whether it may ask its client for something, and for what.
    var mayAsk = false
    var askable: Askable = []
    /// Of its params, if it may ask.
    var digest: UInt64 = 0
}
