/// What the database is made of.
///
/// Events are in the order in which they were written, and only their session is indexed: writing
/// one touches the end of the table and the end of its session's part of the index, whatever else
/// is stored. A load reads what its session has. A stream has a row of its own only if more is to
/// be known of it than its messages say: it is open and has a record, messages of it are gone, or
/// it ended without one.
enum Schema {
    /// `PRAGMA application_id`: "SHTP".
    static let application: Int64 = 0x5348_5450
    /// `PRAGMA user_version`. A database of another version is not used.
    static let version: Int64 = 1

    /// Times are in milliseconds since 1970. `record` is NULL if the session is known only by its
    /// events; `bytes` is the size of its messages.
    static let creation: StaticString = """
        CREATE TABLE sessions (
            id INTEGER PRIMARY KEY,
            name BLOB NOT NULL UNIQUE,
            deadline INTEGER NOT NULL,
            events INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            record BLOB);
        CREATE INDEX sessions_by_deadline ON sessions (deadline);
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,
            session INTEGER NOT NULL,
            stream BLOB NOT NULL,
            number INTEGER NOT NULL,
            is_last INTEGER NOT NULL,
            time INTEGER NOT NULL,
            message BLOB NOT NULL);
        CREATE INDEX events_by_session ON events (session);
        CREATE TABLE streams (
            session INTEGER NOT NULL,
            stream BLOB NOT NULL,
            lost INTEGER NOT NULL,
            has_ended INTEGER NOT NULL,
            time INTEGER NOT NULL,
            record BLOB,
            PRIMARY KEY (session, stream)) WITHOUT ROWID;
        CREATE TABLE totals (bytes INTEGER NOT NULL, time INTEGER NOT NULL);
        INSERT INTO totals VALUES (0, 0);
        PRAGMA application_id = 0x53485450;
        PRAGMA user_version = 1;
        """

    /// Empties the database.
    static let emptying: StaticString = """
        DELETE FROM events;
        DELETE FROM streams;
        DELETE FROM sessions;
        """
}

/// The statements that are prepared once for each connection.
enum Query: Int, CaseIterable {
    case begin
    case beginReading
    case commit
    case readTotals
    case writeTotals

    case findSession
    case addSession
    case updateSession
    case recordSession
    case readRecord
    case removeSession
    case dueSession
    case nextDeadline

    case addEvent
    case addEvents
    case events
    case lastEvent
    case endEvent
    case removeEvent
    case removeOldestEvents
    case removeEvents
    case oldestEvent
    case oldestEvents
    case discount

    case addStream
    case loseMessage
    case endStream
    case findStream
    case anyStream
    case removeStream
    case removeStreams
    case removeEndedStreams

    var text: StaticString {
        switch self {
        case .begin: "BEGIN IMMEDIATE"
        case .beginReading: "BEGIN"
        case .commit: "COMMIT"
        case .readTotals: "SELECT bytes, time FROM totals"
        case .writeTotals: "UPDATE totals SET bytes = ?1, time = ?2"

        case .findSession:
            "SELECT id, deadline, events, bytes, record IS NOT NULL FROM sessions WHERE name = ?1"
        case .addSession: "INSERT INTO sessions VALUES (NULL, ?1, ?2, 0, 0, NULL)"
        case .updateSession:
            "UPDATE sessions SET deadline = ?2, events = ?3, bytes = ?4 WHERE id = ?1"
        case .recordSession: "UPDATE sessions SET record = ?2 WHERE id = ?1"
        case .readRecord: "SELECT record, deadline FROM sessions WHERE name = ?1"
        case .removeSession: "DELETE FROM sessions WHERE id = ?1"
        case .dueSession:
            """
            SELECT id, deadline, events, bytes, record IS NOT NULL FROM sessions
            WHERE deadline <= ?1 ORDER BY deadline LIMIT 1
            """
        case .nextDeadline: "SELECT min(deadline) FROM sessions"

        case .addEvent: "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?)"
        case .addEvents:
            """
            INSERT INTO events VALUES
            (NULL, ?, ?, ?, ?, ?, ?), (NULL, ?, ?, ?, ?, ?, ?),
            (NULL, ?, ?, ?, ?, ?, ?), (NULL, ?, ?, ?, ?, ?, ?),
            (NULL, ?, ?, ?, ?, ?, ?), (NULL, ?, ?, ?, ?, ?, ?),
            (NULL, ?, ?, ?, ?, ?, ?), (NULL, ?, ?, ?, ?, ?, ?)
            """
        case .events:
            """
            SELECT number, is_last, message FROM events
            WHERE session = ?1 AND stream = ?2 AND number > ?3 ORDER BY id
            """
        case .lastEvent:
            """
            SELECT id, number, is_last FROM events WHERE session = ?1 AND stream = ?2
            ORDER BY id DESC LIMIT 1
            """
        case .endEvent: "UPDATE events SET is_last = 1 WHERE id = ?1"
        case .removeEvent: "DELETE FROM events WHERE id = ?1"
        case .removeOldestEvents: "DELETE FROM events WHERE session = ?1 AND id <= ?2"
        case .removeEvents: "DELETE FROM events WHERE session = ?1"
        case .oldestEvent:
            """
            SELECT id, stream, number, is_last, length(message), session, time FROM events
            ORDER BY id LIMIT 1
            """
        case .oldestEvents:
            """
            SELECT id, stream, number, is_last, length(message) FROM events WHERE session = ?1
            ORDER BY id
            """
        case .discount:
            "UPDATE sessions SET events = events - 1, bytes = bytes - ?2 WHERE id = ?1"

        case .addStream: "INSERT OR IGNORE INTO streams VALUES (?1, ?2, 0, 0, ?3, ?4)"
        case .loseMessage:
            """
            INSERT INTO streams VALUES (?1, ?2, ?3, 0, ?4, NULL)
            ON CONFLICT DO UPDATE SET lost = max(lost, excluded.lost)
            """
        case .endStream:
            """
            UPDATE streams SET has_ended = 1, record = NULL, time = ?3
            WHERE session = ?1 AND stream = ?2
            """
        case .findStream:
            "SELECT lost, has_ended, record FROM streams WHERE session = ?1 AND stream = ?2"
        case .anyStream: "SELECT 1 FROM streams WHERE session = ?1 LIMIT 1"
        case .removeStream: "DELETE FROM streams WHERE session = ?1 AND stream = ?2"
        case .removeStreams: "DELETE FROM streams WHERE session = ?1"
        case .removeEndedStreams: "DELETE FROM streams WHERE has_ended AND time <= ?1"
        }
    }
}
