import Wire

/// The severity of a log message, `notifications/message` (RFC 5424 §6.2.1).
package enum LogSeverity: UInt8, Comparable, CaseIterable, Sendable {
    case debug, info, notice, warning, error, critical, alert, emergency

    package var name: StaticString {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .notice: "notice"
        case .warning: "warning"
        case .error: "error"
        case .critical: "critical"
        case .alert: "alert"
        case .emergency: "emergency"
        }
    }

    package init?(named name: UnsafeRawBufferPointer) {
        for severity in LogSeverity.allCases where name.equals(severity.name) {
            self = severity
            return
        }
        return nil
    }

    /// Reads a JSON string.
    package init?(_ value: JSONValue) {
        guard let name = value.string,
            let severity = withExtendedLifetime(name, { LogSeverity(named: name.bytes) })
        else { return nil }
        self = severity
    }

    package static func < (left: LogSeverity, right: LogSeverity) -> Bool {
        left.rawValue < right.rawValue
    }
}
