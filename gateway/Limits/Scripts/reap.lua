-- reap.lua: charges a hold whose deadline has passed, provisionally and in full; its owner's recovery replaces it. Safe to resend.
--
-- KEYS  1 hold hash   2 zset of deadlines   3.. the hold's counters, in the order it stores them
-- ARGV  1 request id  2 ms that an unresolved reaped hold is kept  3 test clock offset, ms ('' in production)
-- reply {'reaped'} · {'early'} its deadline was renewed · {'gone'} · {'settled'} · {'released'} · {'reread'}

local hold = load_hold()
if not hold then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return { 'gone' }
end
if hold.state ~= 'held' then
  if hold.state ~= 'reaped' then redis.call('ZREM', KEYS[2], ARGV[1]) end
  return { hold.state }
end
if hold.reread then return { 'reread' } end
local real = now_ms()
if real <= hold.deadline then return { 'early' } end

for i, kind in ipairs(hold.kinds) do
  local key, quantity = KEYS[i + 2], tonumber(hold.quantities[i])
  if kind ~= 'calendar' then
    end_rate(key, kind, true, quantity, quantity, real + (tonumber(ARGV[3]) or 0))
  else
    take_back(key, 'held', quantity, ARGV[2])
    add_live(key, quantity, 0)
  end
end
redis.call('HSET', KEYS[1], 'state', 'reaped')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
-- Kept in sight of its owner's recovery, which may have to give it back, until the hold itself expires.
redis.call('ZADD', KEYS[2], text(real + tonumber(ARGV[2])), ARGV[1])
return { 'reaped' }
