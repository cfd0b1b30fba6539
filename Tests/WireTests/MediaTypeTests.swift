import Testing
import Wire

@Suite("MediaType")
struct MediaTypeTests {
    @Test(
        "Accept admits what its most specific range admits",
        arguments: [
            ("application/json", true, false),
            ("application/json, text/event-stream", true, true),
            ("text/event-stream,application/json", true, true),
            ("APPLICATION/JSON", true, false),
            ("*/*", true, true),
            ("application/*", true, false),
            ("text/*", false, true),
            ("application/json;q=0", false, false),
            ("application/json;q=0.0, */*", false, true),
            ("*/*, application/json ; Q=0.000", false, true),
            ("*/*;q=0, application/json", true, false),
            ("*/*;q=0, text/*", false, true),
            ("application/*;q=0, application/json;q=0.001", true, false),
            ("application/json;q=0.5", true, false),
            ("application/json;q=1", true, false),
            ("application/json;profile=x;q=0", false, false),
            ("application/json;version=0", true, false),
            ("application/json-seq, text/event-streams", false, false),
            ("application, text", false, false),
            ("*/json", false, false),
            ("*", false, false),
            ("", false, false),
            (",, application/json ,", true, false),
            ("text/plain; a=application/json", false, false),
        ])
    func accept(_ accept: String, _ json: Bool, _ stream: Bool) {  // S-009, S-010
        accept.withBytes { value in
            #expect(MediaType.json.isAccepted(by: value) == json)
            #expect(MediaType.eventStream.isAccepted(by: value) == stream)
        }
    }

    @Test(
        "Content-Type must name the type itself, in UTF-8",
        arguments: [
            ("application/json", true),
            ("Application/JSON", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=\"UTF-8\"", true),
            ("application/json ; a=b ; CHARSET=Utf-8", true),
            ("application/json;a=b", true),
            ("application/json;charset=latin1", false),
            ("application/json; charset", false),
            ("application/json;charset=utf-8;charset=utf-16", false),
            ("text/plain; a=application/json", false),
            ("application/json-patch+json", false),
            ("application/jsonp", false),
            ("application/*", false),
            ("*/*", false),
            ("text/json", false),
            ("application", false),
            ("application/json, application/json", false),
            ("", false),
        ])
    func contentType(_ type: String, _ isJSON: Bool) {  // S-008
        #expect(type.withBytes { MediaType.json.isNamed(by: $0) } == isJSON)
    }
}
