-- Sends the request's body BODY again and again, and compares every answer with RIGHT (environment variables).

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  wrong = 0
  right = os.getenv("RIGHT")
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = os.getenv("BODY")
end

function response(status, _, body)
  if status ~= 200 or body ~= right then
    wrong = wrong + 1
  end
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  for _, thread in ipairs(threads) do
    failed = failed + thread:get("wrong")
  end
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed
  ))
end
