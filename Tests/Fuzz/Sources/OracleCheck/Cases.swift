let plain = "GET / HTTP/1.1\r\n\r\n"
let plainRead = "GET / 1.1 keep ''"
let chunkedHead = "POST / 1.1 keep chunked transfer-encoding=chunked ''"
let chunkedHeadOrMalformed = chunkedHead + " ?malformed"

func chunkedRead(_ body: String) -> String {
    "POST / 1.1 keep chunked transfer-encoding=chunked '\(body)'"
}

func letters(_ count: Int) -> String { String(repeating: "a", count: count) }

let cases: [Case] =
    requestLines + targets + fieldLines + limitCases + lengths + codings + chunks
    + trailers + connections + sequences

private let requestLines: [Case] = [
    read(""),
    read("\r"),
    read(plain + "\r", plainRead),
    read(plain, plainRead),
    read("GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close ''"),
    read("\r\n\r\n\r\n" + plain, plainRead),
    read("get / HTTP/1.1\r\n\r\n", "get / 1.1 keep ''"),
    read("!#$%&'*+-.^_`|~09 / HTTP/1.1\r\n\r\n", "!#$%&'*+-.^_`|~09 / 1.1 keep ''"),
    read("connect / HTTP/1.1\r\n\r\n", "connect / 1.1 keep ''"),
    begun("G"),
    begun("GET"),
    begun("GET ", mayAlsoBe: [.malformed]),
    begun("GET /", mayAlsoBe: [.malformed]),
    begun("GET / "),
    begun("GET / HTT"),
    begun("GET / HTTP/1.1\r"),
    begun("GET / HTTP/1.1\r\n"),
    begun("GET / HTTP/1.1\r\n\r"),

    // Line ends, RFC 9112, section 2.2
    refused("\n", as: .malformed),
    refused("\n" + plain, as: .malformed),
    refused("\rGET / HTTP/1.1\r\n\r\n", as: .malformed),
    refused("\r\r\n" + plain, as: .malformed),
    refused("GET / HTTP/1.1\n", as: .malformed),
    refused("GET / HTTP/1.1\nHost: a\n\n", as: .malformed),
    refused("GET / HTTP/1.1\rHost: a\r\r", as: .malformed),
    refused("GET / HTTP/1.1\r\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\n\rX", as: .malformed),
    refused("GET / HTTP/1.1\r\n\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\r\n\rX", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\r\n\n", as: .malformed),

    // Blanks
    refused(" GET / HTTP/1.1\r\n\r\n", as: .malformed),
    refused("\tGET / HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET  / HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET  HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET /  HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1 \r\n\r\n", as: .malformed),
    refused("GET\t/ HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET /\tHTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET / a HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET\r\n\r\n", as: .malformed),
    refused("GET /\r\n", as: .malformed),
    refused("GET /\r\n\r\n", as: .malformed),
    refused("GET / \r\n", as: .malformed),

    // Methods
    refused("G(T / HTTP/1.1\r\n\r\n", as: .malformed),
    refused("G\0T / HTTP/1.1\r\n\r\n", as: .malformed),
    refused("G\u{E9}T / HTTP/1.1\r\n\r\n", as: .malformed),
    refused("\0", as: .malformed),
    refused("\u{16}\u{03}\u{01}\u{02}\0\u{01}", as: .malformed),
    read("\(letters(32)) / HTTP/1.1\r\n\r\n", "\(letters(32)) / 1.1 keep ''"),
    refused("\(letters(33)) / HTTP/1.1\r\n\r\n", as: .methodUnknown),
    refused(letters(33), as: .methodUnknown, isLate: true),
    refused("\(letters(33)) / HTTP/1.1\r\n", as: .methodUnknown, isLate: true),
    refused("\(letters(33))(", as: .methodUnknown, .malformed),
    refused("CONNECT a:443 HTTP/1.1\r\n\r\n", as: .methodUnknown),
    refused("CONNECT / HTTP/1.1\r\n\r\n", as: .methodUnknown, .malformed),

    // Versions
    refused("GET / HTTP/1.2\r\n\r\n", as: .version, .malformed),
    refused("GET / HTTP/1.9", as: .version, .malformed, isLate: true),
    refused("GET / HTTP/0.9\r\n\r\n", as: .version, .malformed),
    refused("GET / HTTP/2.0\r\n\r\n", as: .version, .malformed),
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", as: .version, .malformed),
    refused("GET / HTTP/1.10\r\n\r\n", as: .malformed),
    refused("GET / HTTP/01.1\r\n\r\n", as: .version, .malformed),
    refused("GET / HTTP/11.1\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.\r\n\r\n", as: .malformed),
    refused("GET / HTTP/ 1.1\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1,1\r\n\r\n", as: .malformed),
    refused("GET / http/1.1\r\n\r\n", as: .malformed),
    refused("GET / HTTPS/1.1\r\n\r\n", as: .malformed),
    refused("GET / RTSP/1.0\r\n\r\n", as: .malformed),
    refused("GET / ICE/1.0\r\n\r\n", as: .malformed),
]

private let targets: [Case] = [
    read("OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * 1.1 keep ''"),
    read("GET /a;b=c/%7e?d=/?&e HTTP/1.1\r\n\r\n", "GET /a;b=c/%7e?d=/?&e 1.1 keep ''"),
    read("GET //a HTTP/1.1\r\n\r\n", "GET //a 1.1 keep ''"),
    read("GET http://a HTTP/1.1\r\n\r\n", "GET http://a 1.1 keep ''"),
    read("GET HTTPS://a.b:1/c?d HTTP/1.1\r\n\r\n", "GET HTTPS://a.b:1/c?d 1.1 keep ''"),
    read("GET http://[::1]:80?a HTTP/1.1\r\n\r\n", "GET http://[::1]:80?a 1.1 keep ''"),
    read("GET /%4 HTTP/1.1\r\n\r\n", "GET /%4 1.1 keep '' ?malformed"),
    read("GET /%zz HTTP/1.1\r\n\r\n", "GET /%zz 1.1 keep '' ?malformed"),
    read("GET /#a HTTP/1.1\r\n\r\n", "GET /#a 1.1 keep '' ?malformed"),
    read("GET /\"<>\\^`{|} HTTP/1.1\r\n\r\n", "GET /\"<>\\^`{|} 1.1 keep '' ?malformed"),
    read("GET a HTTP/1.1\r\n\r\n", "GET a 1.1 keep '' ?malformed"),
    read("GET a:1 HTTP/1.1\r\n\r\n", "GET a:1 1.1 keep '' ?malformed"),
    read("GET ** HTTP/1.1\r\n\r\n", "GET ** 1.1 keep '' ?malformed"),
    read("GET ?a HTTP/1.1\r\n\r\n", "GET ?a 1.1 keep '' ?malformed"),
    read("GET http:///a HTTP/1.1\r\n\r\n", "GET http:///a 1.1 keep '' ?malformed"),
    read("GET http://b@a/ HTTP/1.1\r\n\r\n", "GET http://b@a/ 1.1 keep '' ?malformed"),
    read("GET http://[]/ HTTP/1.1\r\n\r\n", "GET http://[]/ 1.1 keep '' ?malformed"),
    read("GET http://[/ HTTP/1.1\r\n\r\n", "GET http://[/ 1.1 keep '' ?malformed"),
    read("GET ftp://a/ HTTP/1.1\r\n\r\n", "GET ftp://a/ 1.1 keep '' ?malformed"),
    begun("GET a HTTP/1.1\r\n", mayAlsoBe: [.malformed]),
    refused("GET /\0 HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET /\u{7F} HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET /\u{80} HTTP/1.1\r\n\r\n", as: .malformed),
    refused("GET /\u{E9} HTTP/1.1\r\n\r\n", as: .malformed),
    read(
        "GET /\(letters(31)) HTTP/1.1\r\n\r\n", "GET /\(letters(31)) 1.1 keep ''"),
    refused("GET /\(letters(32)) HTTP/1.1\r\n\r\n", as: .targetTooLong),
    refused("GET /\(letters(32)) HTTP/1.1\r\n", as: .targetTooLong, isLate: true),
    refused("GET /\(letters(32))", as: .targetTooLong, .malformed, isLate: true),
    refused("GET /\(letters(32))\0", as: .targetTooLong, .malformed),
    refused(
        "GET /\(letters(128))", as: .targetTooLong, .headersTooLarge, .malformed),
]

private let fieldLines: [Case] = [
    read("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 keep host=a ''"),
    read("GET / HTTP/1.1\r\nA:b\r\nA: \t c d\t \r\n\r\n", "GET / 1.1 keep a=b a=c d ''"),
    read("GET / HTTP/1.1\r\nA:\r\nB: \r\n\r\n", "GET / 1.1 keep a= b= ''"),
    read("GET / HTTP/1.1\r\nA: b:c: d\r\n\r\n", "GET / 1.1 keep a=b:c: d ''"),
    read("GET / HTTP/1.1\r\nA: \u{C3}\u{A9}\tb\r\n\r\n", "GET / 1.1 keep a=é\tb ''"),
    read("GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~0: 1\r\n\r\n", "GET / 1.1 keep !#$%&'*+-.^_`|~0=1 ''"),
    begun("GET / HTTP/1.1\r\nHost"),
    begun("GET / HTTP/1.1\r\nHost: a\r"),
    begun("GET / HTTP/1.1\r\nHost: a\r\n"),
    begun("GET / HTTP/1.1\r\nHost: a\r\n\r"),
    refused("GET / HTTP/1.1\r\n: a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\r\n \r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nHost\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nHo st: a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nH\u{E9}: a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\n\"A\": a\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\0\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\u{01}\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\u{7F}\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\u{0B}\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\r\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA:\nB: c\r\n\r\n", as: .malformed),
    refused("GET / HTTP/1.1\r\nA:\rB: c\r\n\r\n", as: .malformed),
]

private let limitCases: [Case] = [
    // 18 bytes in all
    read(plain, plainRead, limits: headerBytes(18)),
    refused(plain, as: .headersTooLarge, limits: headerBytes(17)),
    read("\r\n" + plain + "\r\n\r\n", plainRead, limits: headerBytes(18)),
    refused("GET / HTTP/1.1\r\nA", as: .headersTooLarge, limits: headerBytes(16)),
    begun("GET / HTTP/1.1\r\n", limits: headerBytes(16)),
    refused("GET / HTTP/1.1\r\n ", as: .headersTooLarge, .malformed, limits: headerBytes(16)),
    refused("GET / HTTP/1.1\r\nA ", as: .headersTooLarge, limits: headerBytes(16)),
    refused("GET / HTTP/1.1\r\nA ", as: .malformed, limits: headerBytes(17 + 1)),
    refused(
        "CONNECT a:1 HTTP/1.1\r\n\r\n", as: .methodUnknown, .headersTooLarge,
        limits: headerBytes(20)),
    read(
        "GET / HTTP/1.1\r\nA: \(letters(105))\r\n\r\n",
        "GET / 1.1 keep a=\(letters(105)) ''"),
    refused("GET / HTTP/1.1\r\nA: \(letters(106))\r\n\r\n", as: .headersTooLarge),
    read("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n", "GET / 1.1 keep a= b= c= d= ''"),
    refused("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n", as: .headersTooLarge),
    refused("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\nE", as: .headersTooLarge, isLate: true),
    refused("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\n:", as: .headersTooLarge, .malformed),
    refused("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:", as: .headersTooLarge, isLate: true),
]

private let lengths: [Case] = [
    read(post("Content-Length: 5", "hello"), "POST / 1.1 keep length=5 content-length=5 'hello'"),
    read(post("CONTENT-LENGTH:\t0"), "POST / 1.1 keep length=0 content-length=0 ''"),
    read(
        post("Content-Length: 0000000000000000000000002", "ab"),
        "POST / 1.1 keep length=2 content-length=0000000000000000000000002 'ab'"),
    read(
        "GET / HTTP/1.0\r\nContent-Length: 2\r\n\r\n\r\n",
        "GET / 1.0 close length=2 content-length=2 '\r\n'"),
    read(post("Host: a"), "POST / 1.1 keep host=a ''"),
    begun(
        post("Content-Length: 5", "hell"), head: "POST / 1.1 keep length=5 content-length=5 ''"),
    begun(
        post("Content-Length: 33", letters(32)),
        head: "POST / 1.1 keep length=33 content-length=33 ''"),
    refused(
        post("Content-Length: 33", letters(33)), as: .bodyTooLarge,
        head: "POST / 1.1 keep length=33 content-length=33 ''"),
    read(
        post("Content-Length: 32", letters(32)),
        "POST / 1.1 keep length=32 content-length=32 '\(letters(32))'"),
    begun(
        post("Content-Length: 18446744073709551615"),
        head: "POST / 1.1 keep length=18446744073709551615 content-length=18446744073709551615 ''"),
    refused(post("Content-Length: 18446744073709551616"), as: .malformed),
    refused(post("Content-Length: 99999999999999999999"), as: .malformed),
    refused(post("Content-Length:"), as: .malformed),
    refused(post("Content-Length: -1"), as: .malformed),
    refused(post("Content-Length: +1", "a"), as: .malformed),
    refused(post("Content-Length: 0x1", "a"), as: .malformed),
    refused(post("Content-Length: 1 1", "a"), as: .malformed),
    refused(post("Content-Length: 1.0", "a"), as: .malformed),
    refused(post("Content-Length: 1_0", "a"), as: .malformed),
    refused(post("Content-Length: 1, 1", "a"), as: .malformed),
    refused(post("Content-Length: 1;a", "a"), as: .malformed),
    refused(post("Content-Length: \u{B2}", "a"), as: .malformed),
    refused(post("Content-Length: a", "a"), as: .malformed),
    refused(post("Content-Length: 1\r\nContent-Length: 1", "a"), as: .malformed),
    refused(post("Content-Length: 1\r\ncontent-length: 2", "ab"), as: .malformed),
    refused(post("Content-Length : 1", "a"), as: .malformed),
    refused(post("Content-Length: 1\r\n 1", letters(11)), as: .malformed),
    begun("POST / HTTP/1.1\r\nContent-Length: 12"),
    begun("POST / HTTP/1.1\r\nContent-Length: x", mayAlsoBe: [.malformed]),
    begun("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length:", mayAlsoBe: [.malformed]),
    read(
        post("Content_Length: 5\r\nX-Content-Length: 5"),
        "POST / 1.1 keep content_length=5 x-content-length=5 ''"),
]

private let codings: [Case] = [
    read(chunked("0\r\n\r\n"), chunkedRead("")),
    read(
        post("TRANSFER-ENCODING:ChUnKeD\t", "0\r\n\r\n"),
        "POST / 1.1 keep chunked transfer-encoding=ChUnKeD ''"),
    read(
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / 1.1 keep chunked transfer-encoding=chunked ''"),
    read(
        post("Transfer-Encoding: chunked,", "0\r\n\r\n"),
        "POST / 1.1 keep chunked transfer-encoding=chunked, '' ?codingUnknown ?malformed"),
    read(
        post("Transfer-Encoding:\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        "POST / 1.1 keep chunked transfer-encoding= transfer-encoding=chunked ''"
            + " ?codingUnknown ?malformed"),
    // CL.TE and TE.CL, RFC 9112, section 6.1
    refused(post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"), as: .malformed),
    refused(post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), as: .malformed),
    refused(post("Content-Length: +5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), as: .malformed),
    refused(
        post("Content-Length: 5\r\nTransfer-Encoding: gzip, chunked", "0\r\n\r\n"), as: .malformed,
        .codingUnknown),
    refused(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", as: .malformed),
    refused(post("Transfer-Encoding : chunked", "0\r\n\r\n"), as: .malformed),
    refused(post("Transfer-Encoding\t: chunked", "0\r\n\r\n"), as: .malformed),
    refused(post(" Transfer-Encoding: chunked", "0\r\n\r\n"), as: .malformed),
    refused(
        post("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: chunked\0", "0\r\n\r\n"), as: .malformed),
    refused(post("Transfer-Encoding: \u{0B}chunked", "0\r\n\r\n"), as: .malformed, .codingUnknown),
    refused(post("X: y\nTransfer-Encoding: chunked", "0\r\n\r\n"), as: .malformed),
    refused(post("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n"), as: .malformed),
    // Codings, RFC 9112, sections 6.1 and 6.3
    refused(post("Transfer-Encoding: chunked, chunked"), as: .malformed, .codingUnknown),
    refused(
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), as: .malformed,
        .codingUnknown),
    refused(
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), as: .malformed,
        .codingUnknown),
    refused(post("Transfer-Encoding: identity"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: xchunked"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: chunkedx"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: x chunked"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: \"chunked\""), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: 'chunked'"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: chunked;a=b"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: chunked, gzip"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: \u{A0}chunked"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding:"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: ,"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: gzip, chunked"), as: .codingUnknown),
    refused(
        post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), as: .codingUnknown),
    refused(post("Transfer-Encoding: gzip;a=\"b, \\\"c\" , CHUNKED"), as: .codingUnknown),
    refused(post("Transfer-Encoding: gzip;a=\"b, chunked"), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: gzip;a=\"b, chunked\""), as: .malformed, .codingUnknown),
    refused(post("Transfer-Encoding: gzip;a, chunked"), as: .malformed, .codingUnknown),
    begun(
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunk", mayAlsoBe: [.malformed, .codingUnknown]),
    begun("POST / HTTP/1.1\r\nTransfer-Encoding: chunked"),
]

private let connections: [Case] = [
    read("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / 1.1 close connection=close ''"),
    read(
        "GET / HTTP/1.1\r\nConnection: a,\tCLOSE ,\r\n\r\n",
        "GET / 1.1 close connection=a,\tCLOSE , ''"),
    read(
        "GET / HTTP/1.1\r\nConnection: a\r\nConnection: close\r\n\r\n",
        "GET / 1.1 close connection=a connection=close ''"),
    read(
        "GET / HTTP/1.1\r\nConnection: closed, x close\r\n\r\n",
        "GET / 1.1 keep connection=closed, x close ''"),
    read(
        "GET / HTTP/1.1\r\nConnection: keep-alive, close\r\n\r\n",
        "GET / 1.1 close connection=keep-alive, close ''"),
    read(
        "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        "GET / 1.0 keep connection=Keep-Alive ''"),
    read(
        "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        "GET / 1.0 close connection=keep-alive, close ''"),
    read(
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET / 1.1 keep connection=upgrade upgrade=h2c ''"),
    begun(
        post("Expect: 100-continue\r\nContent-Length: 1"),
        head: "POST / 1.1 keep length=1 expect=100-continue content-length=1 ''"),
]

private let sequences: [Case] = [
    read(plain + plain, plainRead, plainRead),
    read(plain + "\r\n" + plain + "\r\n", plainRead, plainRead),
    read("GET / HTTP/1.0\r\n\r\n" + plain, "GET / 1.0 close ''", plainRead),
    read(chunked("1\r\na\r\n0\r\n\r\n") + plain, chunkedRead("a"), plainRead),
    read(
        post("Content-Length: 18", plain) + plain,
        "POST / 1.1 keep length=18 content-length=18 '\(plain)'", plainRead),
    read("GET a HTTP/1.1\r\n\r\n" + plain, "GET a 1.1 keep '' ?malformed", plainRead),
    begun(plain + "GET", after: [plainRead]),
    refused(
        plain + "X" + plain.dropFirst(3) + "\n", as: .malformed,
        after: [
            plainRead, "X / 1.1 keep ''",
        ]),
    refused(plain + "\n" + plain, as: .malformed, after: [plainRead]),
    // What is too long for its length begins the next request.
    refused(
        post("Content-Length: 2", "a\r\n\rX"), as: .malformed,
        after: ["POST / 1.1 keep length=2 content-length=2 'a\r'"]),
    begun(
        post("Content-Length: 1", "aX"), after: ["POST / 1.1 keep length=1 content-length=1 'a'"]),
    read(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n" + plain, "GET / 1.1 keep host=a ''", plainRead,
        limits: headerBytes(27)),
]
