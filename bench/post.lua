-- wrk script: POST the file named by the first argument; the second is the Inference-Header-Content-Length (0: none).
function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/octet-stream"
  if args[2] ~= "0" then
    wrk.headers["Inference-Header-Content-Length"] = args[2]
  end
end
