import Fuzzing
import Wire

func read(_ bytes: UnsafeRawBufferPointer) -> Reader {
    let reader = Reader()
    reader.read(bytes)
    return reader
}

func requireSame(_ reader: Reader, _ whole: Reader, _ how: String) {
    require(
        reader.requests == whole.requests && reader.begun == whole.begun,
        "\(how): \(reader.requests)\nis not\n\(whole.requests)")
    require(reader.isInsideMessage == whole.isInsideMessage, "\(how): at an end or not")
    require((reader.fault == nil) == (whole.fault == nil), "\(how): refused or not")
}

/// The first byte says how the rest, which is what a connection carries, is cut. What is read of it
/// is what `RequestOracle` says, and so for a beginning of it. A parser that gets the pieces tells
/// the same as one that gets all at once; what is wrong in two ways may be refused for either. If
/// all of it comes twice, many heads come again: who knows them tells the same as who reads them.
fuzz { input in
    guard let seed = input.first else { return }
    let bytes = input.dropBytes(1)
    let whole = read(bytes)
    let pieces = Reader()
    forEachPiece(of: bytes, seed: seed) { pieces.read($0) }
    requireSame(pieces, whole, "in pieces")

    let beginning = bytes.prefixBytes(bytes.count * Int(seed) / 256)
    Comparison(read(beginning), of: beginning).check()
    Comparison(whole, of: bytes).check()
    Comparison(pieces, of: bytes).check()

    let twice = Array(bytes) + Array(bytes)
    twice.withUnsafeBytes { bytes in
        let knowing = Reader(isKnowing: true)
        knowing.read(bytes)
        let reading = read(bytes)
        requireSame(knowing, reading, "known")
        Comparison(reading, of: bytes).check()
    }
}
