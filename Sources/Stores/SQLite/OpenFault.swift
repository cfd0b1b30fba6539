import CLibc
import CSQLite
import CStreamableHTTP
import StoreShared

/// Why a database cannot be used.
enum OpenFault: Error {
    case isNoPath
    case isDirectory
    case isReadOnly
    case isForeign
    case hasVersion(Int64)
    case hasNoWriteAheadLog
    case database(SQLiteFault)
    /// An error of the system, by its number.
    case system(Int32)

    var status: shttp_status {
        switch self {
        case .isNoPath, .isDirectory, .isForeign, .hasVersion: SHTTP_ERR_INVALID_OPTION
        case .isReadOnly, .system(EACCES), .system(EPERM), .system(EROFS): SHTTP_ERR_PERMISSION
        case .hasNoWriteAheadLog, .database, .system: SHTTP_ERR_SYSTEM
        }
    }

    /// What is wrong with the file at `path`, and what to do.
    func text(_ path: UnsafePointer<CChar>) -> Text {
        var text = Text()
        text.append(path)
        text.append(" ")
        appendReason(path, to: &text)
        return text
    }

    private func appendReason(_ path: UnsafePointer<CChar>, to text: inout Text) {
        switch self {
        case .isNoPath: text.append("is not the path of a file; write sqlite:PATH")
        case .isDirectory: text.append("is a directory; name a file in it")
        case .isReadOnly: text.append("may not be written by this process")
        case .isForeign:
            text.append("is a database of another program, and is left as it is; name another file")
        case .hasVersion(let version):
            text.append("has version ")
            text.append(version)
            text.append(" of the store's tables, but this library writes version ")
            text.append(Schema.version)
            text.append("; the file is left as it is: name another one, or remove it")
        case .hasNoWriteAheadLog:
            text.append("is on a file system without shared memory; name a file on a local disk")
        case .database(let fault):
            text.append("cannot be opened: ")
            text.append(fault.text)
        case .system(ENOENT), .system(ENOTDIR):
            text.append("there is no directory ")
            appendDirectory(of: path, to: &text)
            text.append("; create it, and let only this process's user read it")
        case .system(let number):
            text.append("cannot be opened: ")
            text.append(strerror(number))
        }
    }

    private func appendDirectory(of path: UnsafePointer<CChar>, to text: inout Text) {
        guard let slash = strrchr(path, 47) else { return text.append(".") }
        text.append(path, atMost: max(1, UnsafePointer(slash) - path))
    }
}
