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
local keys, quantities, kinds, expires, reply = {}, {}, {}, {}, { 'held', text(at) }
for i = 1, n do
  local a = 8 + (i - 1) * 6
  local kind, amount, quantity = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local pick, used = 1, nil
  if kind == 'rate' then
    keys[i] = KEYS[key]
    key = key + 1
    used = drain(keys[i], tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), at)
    kinds[i] = 'rate:' .. ARGV[a + 3] .. '/' .. ARGV[a + 4]
    expires[i] = 0
  else
    local from, middle, to = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
    if at < from or at >= to then return { 'clock', text(at) } end
    if at >= middle then pick = 2 end
    keys[i] = KEYS[key + pick - 1]
    key = key + 2
    kinds[i] = 'calendar'
    expires[i] = (pick == 1 and middle or to) - offset + tonumber(ARGV[6])
  end
  local c = redis.call('HMGET', keys[i], 'live', 'seed', 'held')
  used = used or (tonumber(c[1]) or 0) + (tonumber(c[2]) or 0)
  local held = tonumber(c[3]) or 0
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
  redis.call('HINCRBY', keys[i], 'held', quantities[i])
  if expires[i] > 0 then redis.call('PEXPIREAT', keys[i], text(expires[i])) end
end
local deadline = text(real + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'state', 'held', 'at', text(at), 'owner', ARGV[5], 'deadline', deadline,
  'keys', table.concat(keys, ' '), 'quantities', table.concat(quantities, ' '), 'kinds', table.concat(kinds, ' '),
  'reply', table.concat(reply, ' '))
redis.call('ZADD', KEYS[2], deadline, ARGV[1])
return reply
