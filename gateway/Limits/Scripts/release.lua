-- release.lua: gives a hold back; nothing was used. The tombstone makes a reserve that arrives later fail. Safe to resend.
--
-- KEYS  1 hold hash   2 zset of deadlines   3.. the hold's counters, in the order it stores them
-- ARGV  1 request id  2 ms that the tombstone is kept
-- reply {'released'} · {'gone'} no such hold, nothing changed · {'settled'} it was settled · {'reread'} KEYS are not its counters

local hold = load_hold()
if not hold then return { 'gone' } end
if hold.state == 'settled' or hold.state == 'released' then return { hold.state } end
if hold.reread then return { 'reread' } end

for i, key in ipairs(hold.keys) do
  local field = hold.state == 'held' and 'held' or 'live'
  redis.call('HINCRBY', key, field, '-' .. hold.quantities[i])
end
redis.call('HSET', KEYS[1], 'state', 'released')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
return { 'released' }
