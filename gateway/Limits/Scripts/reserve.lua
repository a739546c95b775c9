-- reserve.lua: holds the worst case of one request on every counter, all or none. Safe to resend: found by request id.
--
-- KEYS  1 hold hash   2 zset of deadlines   then per limit: calendar → counter of the current window, counter of the next;
--                                                            rate → its counter
-- ARGV  1 request id  2 latest Redis ms at which this may still run ('' = always)  3 lifetime of the hold, ms
--       4 test clock offset, ms ('' in production)  5 gateway instance  6 ms that a counter outlives its window  7 limits
--       then six per limit: kind ('calendar' | 'rate'), amount (most that may be used + held), quantity,
--         calendar → start of the current window, start of the next, end of the next (ms, on the shifted clock)
--         rate     → amount drained per period, period in ms, ''
-- reply held    {'held', at, then per limit: pick (1 current, 2 next), used, held}   used and held without this request
--       refused {'refused', at, then per limit: pick, used, held}
--       late    {'late', at}      sent too long ago: nothing was done, the caller gives up or asks anew
--       clock   {'clock', at}     Redis's time lies in none of the windows: the caller computes them again from `at`
--       settled | released | reaped {state}   this id has already ended
-- at: Redis TIME plus the test offset, ms; frozen in the hold. It alone chooses windows.

local real = now_ms()
local offset = tonumber(ARGV[4]) or 0
local at = real + offset

local known = redis.call('HMGET', KEYS[1], 'state', 'reply')
if known[1] == 'held' then return split(known[2]) end
if known[1] then return { known[1] } end
if ARGV[2] ~= '' and real > tonumber(ARGV[2]) then return { 'late', text(at) } end

local n, key, fits = tonumber(ARGV[7]), 3, true
local keys, quantities, kinds, writes, reply = {}, {}, {}, {}, { 'held', text(at) }
for i = 1, n do
  local a = 8 + (i - 1) * 6
  local amount, quantity = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local pick, used, held = 1, 0, 0
  if ARGV[a] == 'rate' then
    local drains, period = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
    keys[i] = KEYS[key]
    key = key + 1
    kinds[i] = 'rate:' .. ARGV[a + 3] .. '/' .. ARGV[a + 4]
    local c = redis.call('HMGET', keys[i], 'live', 't', 'rem', 'held')
    local t, rem
    used, t, rem = drain(c[1], c[2], c[3], drains, period, at)
    held = tonumber(c[4]) or 0
    -- Refreshed once an hour: what a rate still remembers is gone after amount/burst periods at most.
    local refresh = not c[2] or math.floor(t / 3600000) ~= math.floor(tonumber(c[2]) / 3600000)
    writes[i] = { used, t, rem, held + quantity, refresh and math.ceil(amount / drains) * period + tonumber(ARGV[6]) }
  else
    local from, middle, to = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
    if at < from or at >= to then return { 'clock', text(at) } end
    if at >= middle then pick = 2 end
    keys[i] = KEYS[key + pick - 1]
    key = key + 2
    kinds[i] = 'calendar'
    local c = redis.call('HMGET', keys[i], 'live', 'seed', 'held')
    used, held = (tonumber(c[1]) or 0) + (tonumber(c[2]) or 0), tonumber(c[3]) or 0
    writes[i] = not c[3] and (pick == 1 and middle or to) - offset + tonumber(ARGV[6])
  end
  if used + held + quantity > amount then fits = false end
  quantities[i] = ARGV[a + 2]
  reply[#reply + 1] = text(pick)
  reply[#reply + 1] = text(used)
  reply[#reply + 1] = text(held)
end
if not fits then
  reply[1] = 'refused'
  return reply
end

for i = 1, n do
  local w = writes[i]
  if kinds[i] == 'calendar' then
    redis.call('HINCRBY', keys[i], 'held', quantities[i])
    if w then redis.call('PEXPIREAT', keys[i], text(w)) end
  else
    redis.call('HSET', keys[i], 'live', text(w[1]), 't', text(w[2]), 'rem', text(w[3]), 'held', text(w[4]))
    if w[5] then redis.call('PEXPIRE', keys[i], text(w[5])) end
  end
end
local deadline = text(real + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'state', 'held', 'at', text(at), 'owner', ARGV[5], 'deadline', deadline,
  'keys', table.concat(keys, ' '), 'quantities', table.concat(quantities, ' '), 'kinds', table.concat(kinds, ' '),
  'reply', table.concat(reply, ' '))
redis.call('ZADD', KEYS[2], deadline, ARGV[1])
return reply
