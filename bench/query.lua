-- SPDX-License-Identifier: Apache-2.0
-- wrk script of bench/http.py: asks the requests of a file in turn and prints one line of figures as JSON.
-- Arguments after "--": FILE CONTENT-TYPE TARGET. FILE holds bodies, each after its length in 8 hex digits.

local requests = {}
local turn = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local headers = { ["Content-Type"] = args[2] }
  while true do
    local length = file:read(8)
    if not length then break end
    local body = file:read(tonumber(length, 16))
    requests[#requests + 1] = wrk.format("POST", args[3], headers, body)
  end
  file:close()
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('FIGURES {"requests":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
