import Engine
import Link

extension Output {
    /// All pieces as one.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        forEachPiece { bytes += $0 }
        return bytes
    }
}
