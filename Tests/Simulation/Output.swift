import Engine
import Link

extension Output {
    /// All pieces, joined.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        forEachPiece { bytes += $0 }
        return bytes
    }
}
