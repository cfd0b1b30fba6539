import Session
import Testing

@Suite("Session")
struct SessionStateTests {
    @Test("A session is not live before initialize has succeeded")
    func initializing() {  // S-202
        let session = Session()
        #expect(!session.isLive && !session.isReady && !session.hasEnded)
        #expect(session.revision == nil)
    }

    @Test("It goes live with the revision that was negotiated, and is not ready yet")
    func live() {  // S-202, S-213
        var session = Session()
        session.initializeSucceeded(.june2025)
        #expect(session.isLive && !session.isReady)
        #expect(session.revision == .june2025)
    }

    @Test("It is ready once the client is initialized, however often the client says so")
    func ready() {
        var session = Session()
        session.initializeSucceeded(.march2025)
        session.initializedArrived()
        session.initializedArrived()
        #expect(session.isLive && session.isReady)
        #expect(session.revision == .march2025)
    }

    @Test("The order of the stages cannot be turned round")
    func order() {
        var session = Session()
        session.initializedArrived()
        #expect(!session.isReady)
        session.initializeSucceeded(.june2025)
        session.initializeSucceeded(.november2025)
        #expect(session.revision == .june2025)
        session.initializedArrived()
        session.initializeSucceeded(.november2025)
        #expect(session.isReady && session.revision == .june2025)
    }

    @Test("An ended session stays ended, whatever arrives late")
    func ended() {
        var session = Session()
        session.initializeSucceeded(.june2025)
        session.end()
        session.initializeSucceeded(.june2025)
        session.initializedArrived()
        #expect(session.hasEnded && !session.isLive && !session.isReady)
        #expect(session.revision == nil)
    }
}
