# Serves one MCP tool, `hello`, in plain Ruby:   ruby examples/ruby_server.rb [PORT]
%w[fiddle/import io/wait json].each { |library| require library }
ABI = JSON.parse(File.read("#{__dir__}/../include/streamablehttp.json"))
SIZES = ABI["structs"].to_h { |struct| [struct["name"], struct["size"]] }
FIELDS = ABI["structs"].find { |it| it["name"] == "shttp_event" }["fields"].to_h { |it| [it["name"], it["offset"]] }
REQUEST = ABI["enums"].flat_map { |it| it["cases"] }.find { |it| it["name"] == "SHTTP_EVENT_REQUEST" }["value"]
OPTIONS = { "server_info" => '{"name":"ruby","version":"1"}', "server_capabilities" => '{"tools":{}}' }
TOOLS = JSON.generate(tools: [{ name: "hello", description: "Says hello.", inputSchema: { type: "object" } }])
RESULTS = { "tools/list" => TOOLS, "tools/call" => '{"content":[{"type":"text","text":"Hello from Ruby"}]}' }

module C # Every function of the library. One that takes structs by value has a twin without.
  extend Fiddle::Importer
  dlload ENV.fetch("STREAMABLEHTTP_LIBRARY", "libstreamablehttp.so.0")
  ABI["enums"].each { |enum| typealias enum["name"], "int" }
  ABI["callbacks"].each { |callback| typealias callback["name"], "void *" }
  (ABI["functions"] + ABI["twins"]).each { |function| extern function["c"] unless function["twin"] }
end

options, event, out, error = [SIZES["shttp_server_options"], SIZES["shttp_event"], 8, 256].map { |size| Fiddle::Pointer.malloc(size, Fiddle::RUBY_FREE) }
check = ->(status) { status.zero? || abort(error.to_s) }
C.shttp_server_options_init_sized(options, options.size)
OPTIONS.each { |name, value| check.(C.shttp_server_option_set(options, name, value)) }
check.(C.shttp_loop_create(nil, out))
check.(C.shttp_server_create(loop = out.ptr, options, out, error, error.size))
check.(C.shttp_server_listen(server = out.ptr, "127.0.0.1", Integer(ARGV[0] || 8080), error, error.size))
check.(C.shttp_loop_run_thread(loop))
$stdout.write("http://127.0.0.1:#{C.shttp_server_port(server)}/mcp\n").then { $stdout.flush }
while IO.for_fd(C.shttp_server_descriptor(server), autoclose: false).wait_readable
  check.(C.shttp_server_take_events_sized(server, event, event.size, 1, out))
  next unless out[0, 8].unpack1("Q") == 1 && event[0, 4].unpack1("L") == REQUEST
  method = event[FIELDS["method"], 16].unpack("QQ").then { |data, length| Fiddle::Pointer.new(data)[0, length] }
  request, result = event[FIELDS["request"], 8].unpack1("Q"), RESULTS[method]
  if result then C.shttp_ffi_request_respond(server, request, result, result.bytesize)
  else C.shttp_ffi_request_fail(server, request, -32601, "Method not found", 16, nil, 0) end
end
