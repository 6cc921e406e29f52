-- What wrk sends. Arguments after `--`: kind, file of tokens, number of rows, file of venue ids.
--   read    one performance of all, at random
--   list    the newest twenty of a random account
--   create  one performance with an id of its own (UUID version 7)
--   batch   a hundred such creates of one account, atomic
-- Row i belongs to account i modulo the number of accounts. `done` prints one line of JSON.

local kind, rows, requests
local suffixes, venues = {}, {}
local random, format = math.random, string.format

local function lines(path)
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end

local function read()
  local i = random(0, rows - 1)
  return format("GET /v1/performances/01900000-%04x-7000-8000-%012x HTTP/1.1\r\n",
    math.floor(i / 65536), i) .. suffixes[i % #suffixes + 1]
end

local function list()
  return "GET /v1/performances?sort=-date&limit=20 HTTP/1.1\r\n" .. suffixes[random(#suffixes)]
end

local function performance()
  local time = os.time() * 1000 + random(0, 999)
  return format('{"id":"%08x-%04x-7%03x-8%03x-%06x%06x",' ..
    '"date":"20%02d-%02d-%02dT20:00:00.000Z","venue":"%s","duration":"PT%dM",' ..
    '"payment":%d,"audienceSize":%d,"notes":"Second set after the break"}',
    math.floor(time / 65536), time % 65536, random(0, 4095), random(0, 4095),
    random(0, 16777215), random(0, 16777215), random(10, 25), random(1, 12), random(1, 28),
    venues[random(#venues)], random(30, 180), random(0, 500000), random(0, 2000))
end

local function post(path, body)
  return "POST " .. path .. " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
    .. #body .. "\r\n" .. suffixes[random(#suffixes)] .. body
end

local function create() return post("/v1/performances", performance()) end

local function batch()
  local operations = {}
  for i = 1, 100 do
    operations[i] = '{"method":"POST","path":"/v1/performances","body":' .. performance() .. "}"
  end
  return post("/v1/batch", '{"atomic":true,"operations":[' .. table.concat(operations, ",") .. "]}")
end

local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(arguments)
  kind, rows = arguments[1], tonumber(arguments[3])
  local address = tonumber(tostring({}):match("0x(%x+)"), 16)  -- differs from run to run
  math.randomseed(os.time() * 1000 + number * 7919 + address % 7919)
  for i, token in ipairs(lines(arguments[2])) do
    suffixes[i] = "Host: 127.0.0.1\r\nAuthorization: Bearer " .. token .. "\r\n\r\n"
  end
  venues = lines(arguments[4])
  requests = ({ read = read, list = list, create = create, batch = batch })[kind]
end

function request() return requests() end

function done(summary, latency)
  local errors = summary.errors
  io.write(format('\n{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,' ..
    '"p50":%.1f,"p99":%.1f,"max":%.1f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
