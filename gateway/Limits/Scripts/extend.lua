-- extend.lua: renews the deadline of a hold; a reaped one is held again if it still fits on every limit. Safe to resend.
--
-- KEYS  1 hold hash   2 zset of deadlines   3.. the hold's counters, in the order it stores them
-- ARGV  1 request id  2 lifetime from now, ms   3.. per counter: amount in force
-- reply {'held'} · {'reaped'} it does not fit any more, nothing changed · {'gone'} · {'settled'} · {'released'} · {'reread'}

local hold = load_hold()
if not hold then return { 'gone' } end
if hold.state == 'settled' or hold.state == 'released' then return { hold.state } end
if hold.reread then return { 'reread' } end

if hold.state == 'reaped' then
  for i = 1, #hold.kinds do
    local c = redis.call('HMGET', KEYS[i + 2], 'live', 'seed', 'held')
    local total = (tonumber(c[1]) or 0) + (tonumber(c[2]) or 0) + (tonumber(c[3]) or 0)
    if total > tonumber(ARGV[2 + i]) then return { 'reaped' } end
  end
  for i = 1, #hold.kinds do
    local quantity = tonumber(hold.quantities[i])
    local live = tonumber(redis.call('HINCRBY', KEYS[i + 2], 'live', text(-quantity)))
    if live < 0 then redis.call('HSET', KEYS[i + 2], 'live', '0') end   -- a rate has drained meanwhile
    redis.call('HINCRBY', KEYS[i + 2], 'held', text(quantity))
  end
  redis.call('PERSIST', KEYS[1])
end
local deadline = text(now_ms() + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'state', 'held', 'deadline', deadline)
redis.call('ZADD', KEYS[2], deadline, ARGV[1])
return { 'held' }
