-- settle.lua: replaces a hold, or the provisional charge of a reaped one, by what was really used. Safe to resend.
--
-- KEYS  1 hold hash   2 zset of deadlines   3.. the hold's counters, in the order it stores them
-- ARGV  1 request id  2 ms that the receipt is kept  3 receipt (facts of the call, for the owner's recovery)
--       4 test clock offset, ms ('' in production)   then two per counter: whole units, billionths of a unit
-- reply {'settled', then per counter the whole units added}   a repeat gets the same reply
--       {'gone'} no such hold, nothing changed · {'released'} it was released · {'reread'} KEYS are not its counters

local hold = load_hold()
if not hold then return { 'gone' } end
if hold.state == 'settled' then return split(hold.reply) end
if hold.state == 'released' then return { 'released' } end
if hold.reread then return { 'reread' } end

local at, from_held, reply = now_ms() + (tonumber(ARGV[4]) or 0), hold.state == 'held', { 'settled' }
for i, kind in ipairs(hold.kinds) do
  local key, quantity = KEYS[i + 2], tonumber(hold.quantities[i])
  local whole, frac = tonumber(ARGV[5 + (i - 1) * 2]), tonumber(ARGV[6 + (i - 1) * 2])
  if kind ~= 'calendar' then
    end_rate(key, kind, from_held, quantity, whole, at)
    reply[i + 1] = text(whole)
  elseif from_held then
    take_back(key, 'held', quantity, ARGV[2])
    reply[i + 1] = text(add_live(key, whole, frac))
  else
    reply[i + 1] = text(add_live(key, whole - quantity, frac) + quantity)
  end
end
redis.call('HSET', KEYS[1], 'state', 'settled', 'receipt', ARGV[3], 'reply', table.concat(reply, ' '))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
return reply
