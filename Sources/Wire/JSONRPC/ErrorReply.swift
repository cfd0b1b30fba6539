/// JSON-RPC messages to bytes.
extension ByteBuffer {
    /// Appends an error response. Without a readable id it carries null (S-017, §9-A1).
    package func appendError(
        id: RequestID?, code: Int32, message: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer? = nil
    ) {
        beginResponse(id: id)
        append(",\"error\":{\"code\":")
        append(decimal: Int64(code))
        append(",\"message\":")
        append(jsonString: message)
        if let data, data.count > 0 {
            append(",\"data\":")
            append(data)
        }
        append("}}")
    }

    /// Appends a result response. `result` is JSON text.
    package func appendResult(id: RequestID, _ result: UnsafeRawBufferPointer) {
        beginResponse(id: id)
        append(",\"result\":")
        append(result)
        append("}")
    }

    /// Appends a result response; `compose` writes the result.
    @inline(__always)
    package func appendResult(id: RequestID, _ compose: (ByteBuffer) -> Void) {
        beginResponse(id: id)
        append(",\"result\":")
        compose(self)
        append("}")
    }

    /// Appends a result response, and takes over the storage of a long result.
    package func appendResult(id: RequestID, taking result: ByteBuffer) {
        beginResponse(id: id)
        append(",\"result\":")
        append(taking: result)
        append("}")
    }

    /// Appends a notification; `params` is JSON text, or empty for none.
    package func appendNotification(method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer)
    {
        append("{\"jsonrpc\":\"2.0\",\"method\":")
        appendMethod(method, params: params)
    }

    /// Appends a request with an id that the library has counted.
    package func appendRequest(
        id: UInt64, method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer
    ) {
        append("{\"jsonrpc\":\"2.0\",\"id\":")
        append(decimal: Int64(truncatingIfNeeded: id))
        append(",\"method\":")
        appendMethod(method, params: params)
    }

    private func beginResponse(id: RequestID?) {
        append("{\"jsonrpc\":\"2.0\",\"id\":")
        if let id { id.append(to: self) } else { append("null") }
    }

    private func appendMethod(_ method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer) {
        append(jsonString: method)
        if params.count > 0 {
            append(",\"params\":")
            append(params)
        }
        append("}")
    }
}
