-- release.lua: gives a hold back; nothing was used. The tombstone makes a reserve that arrives later fail. Safe to resend.
--
-- KEYS  1 hold hash   2 zset of deadlines   3.. the hold's counters, in the order it stores them
-- ARGV  1 request id  2 ms that the tombstone is kept  3 test clock offset, ms ('' in production)
-- reply {'released'} · {'gone'} no such hold, nothing changed · {'settled'} it was settled · {'reread'} KEYS are not its counters

local hold = load_hold()
if not hold then return { 'gone' } end
if hold.state == 'settled' or hold.state == 'released' then return { hold.state } end
if hold.reread then return { 'reread' } end

local at, from_held = now_ms() + (tonumber(ARGV[3]) or 0), hold.state == 'held'
for i, kind in ipairs(hold.kinds) do
  if kind ~= 'calendar' then
    end_rate(KEYS[i + 2], kind, from_held, tonumber(hold.quantities[i]), 0, at)
  else
    take_back(KEYS[i + 2], from_held and 'held' or 'live', tonumber(hold.quantities[i]), ARGV[2])
  end
end
redis.call('HSET', KEYS[1], 'state', 'released')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
return { 'released' }
