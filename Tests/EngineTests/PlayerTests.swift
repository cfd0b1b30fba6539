import Foundation
import Testing

/// Tests of what plays the transcripts.
@Suite("The player of transcripts")
struct PlayerTests {
    private static func document(_ lines: String) -> String {
        "# A title\n\nText about c1 ← S1 (S-200).\n\n```text\n\(lines)\n```\n\nMore text.\n"
    }

    private static func transcript(_ lines: String) throws -> Transcript {
        try Transcript(document(lines))
    }

    /// Plays lines, and returns how they differ from what the engine does.
    private static func failure(_ lines: String) throws -> String? {
        try transcript(lines).play(.whole).failure
    }

    private static func rewritten(_ lines: String) throws -> String {
        let transcript = try transcript(lines)
        return transcript.rewritten(for: try transcript.play(.whole, stopsEarly: false).outputs)
    }

    // MARK: `given`

    @Test(
        "A session that is given is open, in each mode",
        arguments: [
            ("greeting", "S1", "connections=1 sessions=1 connectionsTotal=1 "),
            ("greeting mode=json", "S1", "connections=1 sessions=1 connectionsTotal=1 "),
            (
                "greeting mode=auto replay", "S1 revision=2025-11-25",
                "connections=1 sessions=1 connectionsTotal=1 "
            ),
            ("greeting replay", "S1", "connections=1 sessions=1 connectionsTotal=1 "),
            (
                "greeting replay", "S1 on c7 revision=2025-11-25 primary=c2",
                "connections=2 sessions=1 streams=1 connectionsTotal=2 "
            ),
            (
                "greeting store", "S1 revision=2025-11-25 initialized primary=c2",
                "connections=2 sessions=1 streams=1 connectionsTotal=2 "
            ),
            (
                "greeting share=50", "S1 on c1 from 7",
                "connections=1 sessions=1 connectionsTotal=1 "
            ),
            (
                "greeting tokens=ann:a", "S1 token=a by=ann initialized primary=c2",
                "connections=2 sessions=1 streams=1 connectionsTotal=2 "
            ),
        ])
    func given(_ options: String, _ session: String, _ figures: String) throws {
        for cut in [Cut.whole, .bytes, .at(1), .at(100)] {
            let transcript = try Self.transcript(
                "with \(options)\n\n5     given \(session)\n      → stats\n      ← ?")
            let play = try transcript.play(cut)
            #expect(play.outputs.first == [])
            #expect(play.outputs.last == [figures + "sessionsTotal=1 requestsTotal=1"])
            #expect(play.longestInput == 0)
        }
    }

    @Test("Names go on after what is given")
    func givenNames() throws {
        let lines = """
            with greeting replay

            0     given S1 revision=2025-11-25 primary=c2
                  given S2 on c3 revision=2025-11-25
            1     → c3 POST session=S2 {…"id":1,"method":"a"}
                  ← request r1 S2 id=1 a
                  → respond r1 {}
                  ← c3 200 stream
                  ← c3 prime s4
                  ← c3 event id=s4.1 {…"id":1,"result":{}}
                  ← c3 end
            """
        #expect(try Self.failure(lines) == nil)
    }

    @Test(
        "What is not as it is given is an error",
        arguments: [
            ("", "S1", "S1 is not given"), ("greeting", "S2", "S2 is not given"),
            ("greeting", "S1 revision=2024-01-01", "S1 is not given"),
            ("greeting tokens=ann:a", "S1", "S1 is not given"),
            ("greeting tokens=ann:a", "S1 token=a by=bob", "S1 is not given"),
            ("greeting authorize", "S1 token=a", "S1 is not given"),
            ("greeting connections=1", "S1 primary=c2", "S1 is not given"),
            ("greeting", "S1 primary=c1", "no client does `opened`"),
            ("greeting", "S1 nonsense", "nothing is given by `nonsense`"),
            ("greeting", "S1 sense=non", "no request has `sense=non`"),
            ("greeting", "c1", "only sessions are given"),
            ("greeting", "S1 on", "a word is missing"),
        ])
    func notGiven(_ options: String, _ session: String, _ message: String) throws {
        for stopsEarly in [true, false] {
            let error = #expect(throws: TranscriptError.self) {
                try Self.transcript("with head-time=9 \(options)\n0 given \(session)")
                    .play(.whole, stopsEarly: stopsEarly)
            }
            let text = error?.description ?? ""
            #expect(text.hasPrefix("line 7") && text.contains(": \(message)"), "\(text)")
        }
    }

    // MARK: Order between actors

    private static let kept = """
        with greeting store

        0     given S1
              → c1 POST session=S1 {…"id":1,"method":"a"}
              ← request r1 S1 id=1 a
              → notify r1 n
              ← begin s2 {"id":1}

        """

    @Test("A store is told before the client, and a transcript that says the reverse fails")
    func order() throws {
        let (keep, event) = (
            "← keep s2.1 {…\"method\":\"n\"}", "← c1 event id=s2.1 {…\"method\":\"n\"}"
        )
        let head = "← c1 200 stream"
        #expect(try Self.failure("\(Self.kept)\(keep)\n\(head)\nthen \(event)") == nil)
        #expect(try Self.failure("\(Self.kept)\(keep)\nthen \(head)\n\(event)") == nil)
        #expect(try Self.failure("\(Self.kept)\(head)\n\(event)\n\(keep)") == nil)
        let failure = try Self.failure("\(Self.kept)\(head)\n\(event)\nthen \(keep)")
        #expect(failure?.contains("not in the order that `then` stands for") == true)
    }

    @Test("A mark holds a line behind all lines of other actors above it")
    func marks() {
        let texts = ["keep x", "c1 a", "c2 b", "c2 c"]
        let marked = Expectation(
            lines: texts.map { Expectation.Line(text: $0, isMarked: $0 == "c2 b") })
        let free = Expectation(lines: texts.map { Expectation.Line(text: $0) })
        var count = 0
        for first in texts.indices {
            for second in texts.indices where second != first {
                for third in texts.indices where third != second && third != first {
                    let order = [first, second, third, 6 - first - second - third]
                    let outputs = order.map { texts[$0] }
                    let inOwnOrder = order.firstIndex(of: 2)! < order.firstIndex(of: 3)!
                    #expect(free.isMet(by: outputs) == inOwnOrder)
                    #expect(marked.isMet(by: outputs) == (inOwnOrder && order[2] == 2))
                    count += marked.isMet(by: outputs) ? 1 : 0
                }
            }
        }
        #expect(count == 2)
        #expect(!free.isMet(by: Array(texts.dropLast())))
        #expect(!free.isMet(by: texts + ["c3 d"]))
        #expect(!free.isMet(by: ["keep x", "c1 a", "c2 b", "c2 d"]))
    }

    // MARK: Writing

    private static let stale = """
        with greeting store

        0     given S1
        1     → c1 POST session=S1 {…"id":1,"method":"a"}
              ← request r7 S1 id=1 a

              → notify r1 n
              ← c1 200 stream
              ← begin s2 {"id":1}
              ← keep s2.1 {…"method":"m"}

        then  ← c1 event id=s2.1 {…"method":"m"}
        20    → respond r1 {}
              ← c1 202
              ← c1 202
              ← c1 202
              ← keep s2.2 {…"id":1,"result":{}}
        then  ← c1 event id=s2.2 {…"id":1,"result":{}}
        then  ← c1 closed
              → notify r1 n
              → stats
              ← connections=1 sessions=1 connectionsTotal=1 sessionsTotal=1 requestsTotal=2
        """

    /// Lines stay where they are if each actor has as many; else they come in the engine's order.
    private static let fresh = """
        with greeting store

        0     given S1
        1     → c1 POST session=S1 {…"id":1,"method":"a"}
              ← request r1 S1 id=1 a

              → notify r1 n
              ← c1 200 stream
              ← begin s2 {"id":1}
              ← keep s2.1 {…"method":"n"}

        then  ← c1 event id=s2.1 {…"method":"n"}
        20    → respond r1 {}
              ← keep s2.2 {…"id":1,"result":{}}
              ← end s2
        then  ← c1 event id=s2.2 {…"id":1,"result":{}}
              ← c1 end
              → notify r1 n
              ← fault notFound
              → stats
              ← connections=1 sessions=1 connectionsTotal=1 sessionsTotal=1 requestsTotal=2
        """

    @Test("Outputs are written anew in their places, and all else stays")
    func written() throws {
        #expect(try Self.rewritten(Self.stale) == Self.document(Self.fresh))
        #expect(try Self.rewritten(Self.fresh) == Self.document(Self.fresh))
        #expect(try Self.failure(Self.fresh) == nil)
    }

    @Test("A mark that does not hold is not kept")
    func brokenMark() throws {
        let (keep, event) = (
            "      ← keep s2.1 {…\"method\":\"n\"}", "← c1 event id=s2.1 {…\"method\":\"n\"}"
        )
        let head = "      ← c1 200 stream"
        let lines = "\(Self.kept)\(head)\n      \(event)\nthen\(keep.dropFirst(4))"
        let new = "\(Self.kept)\(keep)\n\(head)\n      \(event)"
        #expect(try Self.rewritten(lines) == Self.document(new))
    }

    @Test("A file is written if it has changed, and only then")
    func files() throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("transcript-\(UUID()).md")
        defer { try? FileManager.default.removeItem(at: file) }
        try Self.document(Self.stale).write(to: file, atomically: true, encoding: .utf8)
        #expect(try Transcript.rewrite(file))
        let fresh = Self.document(Self.fresh)
        #expect(try String(contentsOf: file, encoding: .utf8) == fresh)
        #expect(try !Transcript.rewrite(file))
        // A mistake in the last input.
        let wrong = Self.document(Self.stale + "\n      → respnd r1 {}")
        try wrong.write(to: file, atomically: true, encoding: .utf8)
        #expect(throws: TranscriptError.self) { try Transcript.rewrite(file) }
        #expect(try String(contentsOf: file, encoding: .utf8) == wrong)
    }

    @Test("Only who says so writes, and no machine that tests by itself")
    func mode() throws {
        #expect(try TranscriptMode([:]) == .play)
        #expect(try TranscriptMode(["CI": "true", "TRANSCRIPTS": ""]) == .play)
        #expect(try TranscriptMode(["TRANSCRIPTS": "write"]) == .write)
        #expect(try TranscriptMode(["CI": "false", "TRANSCRIPTS": "write"]) == .write)
        for environment in [
            ["CI": "true", "TRANSCRIPTS": "write"], ["CI": "1", "TRANSCRIPTS": "write"],
            ["TRANSCRIPTS": "wirte"],
        ] {
            #expect(throws: TranscriptError.self) { try TranscriptMode(environment) }
        }
    }

    // MARK: Mistakes

    @Test(
        "A mistake in a transcript is an error",
        arguments: [
            "→ respnd r1 {}", "→ c1 POST {}", "→ c1 opened\n→ c1 opened",
            "→ c1 opened\n→ c1 post {}", "→ c1 opened\n→ c1 GET sesion=S1",
            "→ c1 opened\n→ c1 takes", "→ c1 opened\n→ c1 takes x", "→ c1 opened from x",
            "→ hangup r1", "→ progress r1 half", "→ loaded", "→ loaded x", "→ close k",
            "→ refuse a1 no", "→ fail r1 one text", "→ notify r1", "→ call k1", "→",
            "with nothing", "with body", "with body=x", "with tokens=,",
            "-> c1 opened", "a comment", "← c1 202", "given S1\n← c1 202", "x → c1 opened",
            "→ c1 opened\nthen ← c1 202", "→ c1 opened\n← c1 202\nthen ← c1 202",
            "→ c1 opened\nthan ← c1 202", "5 → time\n4 → time", "-5 → time", "→ time\n```",
        ])
    func mistakes(_ lines: String) {
        #expect(throws: TranscriptError.self) { try Self.transcript(lines).play(.whole) }
        #expect(throws: TranscriptError.self) {
            try Self.transcript(lines).play(.whole, stopsEarly: false)
        }
    }

    @Test("What is played is checked")
    func checked() throws {
        #expect(try Self.failure("→ c1 opened\n→ c1 FOO {}\n← c1 200")?.contains("line 7") == true)
        #expect(try Self.failure("→ c1 opened\n← c1 202")?.contains("got:") == true)
        #expect(try Self.failure("→ c1 opened\n→ c1 lost")?.contains("c1 closed") == true)
    }
}
