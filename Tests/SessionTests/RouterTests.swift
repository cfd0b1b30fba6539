import Session
import Testing

/// One row of the table of PROTOCOL 6.1: where progress goes, for each state of the session.
private struct Row: Sendable, CustomTestStringConvertible {
    let mode: ResponseMode
    let route: ProgressRoute
    let isStateless: Bool
    let attachedWaiting: Router.Route
    let attachedGone: Router.Route
    let detachedWaiting: Router.Route
    let detachedGone: Router.Route

    init(
        _ mode: ResponseMode, _ route: ProgressRoute, _ isStateless: Bool,
        _ routes: (Router.Route, Router.Route, Router.Route, Router.Route)
    ) {
        self.mode = mode
        self.route = route
        self.isStateless = isStateless
        (attachedWaiting, attachedGone, detachedWaiting, detachedGone) = routes
    }

    var testDescription: String { "\(mode) \(route) \(isStateless ? "stateless" : "sessions")" }
}

private let gone = Router.Route.none(.disconnected)
private let json = Router.Route.none(.jsonResponse)

private let rows = [
    Row(.stream, .primary, false, (.primary, .primary, .request, gone)),
    Row(.auto, .primary, false, (.primary, .primary, .request, gone)),
    Row(.json, .primary, false, (.primary, .primary, json, json)),
    Row(.stream, .request, false, (.request, gone, .request, gone)),
    Row(.auto, .request, false, (.request, gone, .request, gone)),
    Row(.json, .request, false, (json, json, json, json)),
    Row(.stream, .primary, true, (.request, gone, .request, gone)),
    Row(.auto, .primary, true, (.request, gone, .request, gone)),
    Row(.json, .primary, true, (json, json, json, json)),
    Row(.stream, .request, true, (.request, gone, .request, gone)),
    Row(.auto, .request, true, (.request, gone, .request, gone)),
    Row(.json, .request, true, (json, json, json, json)),
]

@Suite("Router")
struct RouterTests {
    @Test("The table has a row for each configuration")
    func complete() {
        #expect(Set(rows.map(\.testDescription)).count == 3 * 2 * 2)
    }

    @Test("Progress takes the primary, or the request's stream, or says why not", arguments: rows)
    private func progress(_ row: Row) {
        let router = Router(
            mode: row.mode, progressRoute: row.route, isStateless: row.isStateless)
        func route(_ isAttached: Bool, _ isWaiting: Bool) -> Router.Route {
            router.progress(primaryIsAttached: isAttached, clientIsWaiting: isWaiting)
        }
        #expect(route(true, true) == row.attachedWaiting)
        #expect(route(true, false) == row.attachedGone)
        #expect(route(false, true) == row.detachedWaiting)
        #expect(route(false, false) == row.detachedGone)
    }

    @Test("What belongs to a request never leaves the request's stream", arguments: rows)
    private func related(_ row: Row) {  // S-222, M-007
        let router = Router(
            mode: row.mode, progressRoute: row.route, isStateless: row.isStateless)
        #expect(router.related(clientIsWaiting: true) == (row.mode == .json ? json : .request))
        #expect(router.related(clientIsWaiting: false) == (row.mode == .json ? json : gone))
    }

    @Test("A server request needs a session besides", arguments: rows)
    private func relatedCall(_ row: Row) {  // S-227, S-242
        let router = Router(
            mode: row.mode, progressRoute: row.route, isStateless: row.isStateless)
        for isWaiting in [true, false] {
            #expect(
                router.relatedCall(clientIsWaiting: isWaiting)
                    == (row.isStateless
                        ? .none(.stateless) : router.related(clientIsWaiting: isWaiting)))
        }
    }

    @Test("What belongs to no request takes the primary or waits for it", arguments: rows)
    private func unrelated(_ row: Row) {  // S-244
        let router = Router(
            mode: row.mode, progressRoute: row.route, isStateless: row.isStateless)
        let stateless = Router.Route.none(.stateless)
        #expect(
            router.unrelated(primaryIsAttached: true) == (row.isStateless ? stateless : .primary))
        #expect(
            router.unrelated(primaryIsAttached: false) == (row.isStateless ? stateless : .mailbox))
    }
}
