-- Serves one MCP tool, `hello`, in LuaJIT:   luajit examples/luajit_server.lua [PORT]
local ffi = require "ffi"
local here = arg[0]:match "^(.*/)" or "./"
ffi.cdef(assert(io.open(here .. "../include/streamablehttp.cdef")):read "*a")
ffi.cdef "struct pollfd { int fd; short events, revents; }; int poll(struct pollfd *, unsigned long, int);"
local library = ffi.load(os.getenv "STREAMABLEHTTP_LIBRARY" or "libstreamablehttp.so.0")

local TOOLS = '{"tools":[{"name":"hello","description":"Says hello.","inputSchema":{"type":"object"}}]}'
local HELLO = '{"content":[{"type":"text","text":"Hello, %s!"}]}'

local function text(bytes) return ffi.string(bytes.data, bytes.len) end

-- A string in JSON, without its quotes and as it is escaped.
local function find(json, pointer)
  local value = ffi.new "shttp_bytes"
  library.shttp_ffi_json_find(json, #json, pointer, value)
  return text(value):match '^"(.*)"$' or ""
end

local function answer(method, params)
  if method == "tools/list" then return TOOLS end
  if method == "tools/call" then return HELLO:format(find(params, "/arguments/name")) end
end

local function check(status, error)
  if status == library.SHTTP_OK then return end
  io.stderr:write(ffi.string(error or library.shttp_status_text(status)), "\n")
  os.exit(1)
end

local error, count = ffi.new "char[256]", ffi.new "size_t[1]"
local options, event = ffi.new "shttp_server_options", ffi.new "shttp_event"
local loop, server = ffi.new "shttp_loop *[1]", ffi.new "shttp_server *[1]"
library.shttp_server_options_init_sized(options, ffi.sizeof(options))
check(library.shttp_server_option_set(options, "server_info", '{"name":"luajit","version":"1"}'))
check(library.shttp_server_option_set(options, "server_capabilities", '{"tools":{}}'))
check(library.shttp_loop_create(nil, loop))
check(library.shttp_server_create(loop[0], options, server, error, 256), error)
check(library.shttp_server_listen(server[0], "127.0.0.1", tonumber(arg[1] or 8080), error, 256), error)
check(library.shttp_loop_run_thread(loop[0]))
print(("http://127.0.0.1:%d/mcp"):format(library.shttp_server_port(server[0])))
io.stdout:flush()

local ready = ffi.new("struct pollfd", library.shttp_server_descriptor(server[0]), 1) -- 1 is POLLIN.
while true do
  ffi.C.poll(ready, 1, -1)
  check(library.shttp_server_take_events_sized(server[0], event, ffi.sizeof(event), 1, count))
  if count[0] == 1 and event.kind == library.SHTTP_EVENT_REQUEST then
    local result = answer(text(event.method), text(event.params))
    if result then -- It fails if the client has left.
      library.shttp_ffi_request_respond(server[0], event.request.key, result, #result)
    else
      library.shttp_ffi_request_fail(server[0], event.request.key, -32601, "Method not found", 16, nil, 0)
    end
  end
end
