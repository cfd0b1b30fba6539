-- Serves one MCP tool, `hello`, in LuaJIT:   luajit examples/luajit_server.lua [PORT]
local ffi = require "ffi"
ffi.cdef(assert(io.open((arg[0]:match "^(.*/)" or "./") .. "../include/streamablehttp.cdef")):read "*a")
ffi.cdef "struct pollfd { int fd; short events, revents; }; int poll(struct pollfd *, unsigned long, int);"
local C = ffi.load(os.getenv "STREAMABLEHTTP_LIBRARY" or "libstreamablehttp.so.0")
local OPTIONS = { server_info = '{"name":"luajit","version":"1"}', server_capabilities = '{"tools":{}}' }
local RESULTS = {
  ["tools/list"] = '{"tools":[{"name":"hello","description":"Says hello.","inputSchema":{"type":"object"}}]}',
  ["tools/call"] = '{"content":[{"type":"text","text":"Hello from LuaJIT"}]}',
}
local error, count = ffi.new "char[256]", ffi.new "size_t[1]"
local options, event = ffi.new "shttp_server_options", ffi.new "shttp_event"
local loop, server = ffi.new "shttp_loop *[1]", ffi.new "shttp_server *[1]"
local function check(status) return status == C.SHTTP_OK or os.exit(io.stderr:write(ffi.string(error), "\n") and 1) end

C.shttp_server_options_init_sized(options, ffi.sizeof(options))
for name, value in pairs(OPTIONS) do check(C.shttp_server_option_set(options, name, value)) end
check(C.shttp_loop_create(nil, loop))
check(C.shttp_server_create(loop[0], options, server, error, 256))
check(C.shttp_server_listen(server[0], "127.0.0.1", tonumber(arg[1] or 8080), error, 256))
check(C.shttp_loop_run_thread(loop[0]))
print(("http://127.0.0.1:%d/mcp"):format(C.shttp_server_port(server[0])), io.stdout:setvbuf "line" and "")
local ready = ffi.new("struct pollfd", C.shttp_server_descriptor(server[0]), 1) -- 1 is POLLIN
while ffi.C.poll(ready, 1, -1) do
  check(C.shttp_server_take_events_sized(server[0], event, ffi.sizeof(event), 1, count))
  if count[0] == 1 and event.kind == C.SHTTP_EVENT_REQUEST then
    local result = RESULTS[ffi.string(event.method.data, event.method.len)]
    if result then C.shttp_ffi_request_respond(server[0], event.request.key, result, #result)
    else C.shttp_ffi_request_fail(server[0], event.request.key, -32601, "Method not found", 16, nil, 0) end
  end
end
