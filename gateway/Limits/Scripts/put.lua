-- put: what a counter starts from, in four ways. In a new epoch what several gateways put adds up, each part of it once:
--   part      comes first in a call that puts a part; one that was put before is not put again
--   seed      use counted elsewhere, written only over a smaller version (protocols A7)
--   counter   adds settled use
--   full      a rate's whole burst, when it is rebuilt
--   hold      a live request's hold, re-created unconditionally in a new epoch
--
-- part takes     number of the part, the gathering hash's position in KEYS (see gather.lua)
--      reply     put · 'repeat', and then nothing of this call is done
-- seed takes     counter's position in KEYS, units, version, ms at which its key expires on Redis's clock (infinite: never)
--      reply     seeded · older
-- counter takes  counter's position in KEYS, whole units, billionths, ms at which its key expires
--      reply     put
-- full takes     counter's position in KEYS, units, ms that its key is kept
--      reply     put
-- hold takes     request id, kinds, what it says of its call (see reserve.lua); its hold's position in KEYS, the set that is its counters, at (ms), then two per counter: quantity, ms at
--                which its key expires
--      reply     held · the state that this id already has

function ops.part()
  local number, key = num(), KEYS[num()]
  is_repeat = redis.call('HGET', key, 'p:' .. instance) ~= text(number)
  if is_repeat then return 'repeat' end
  redis.call('HSET', key, 'p:' .. instance, text(number + 1))
  return 'put'
end

function ops.seed()
  local c, units, version, ends = counter(KEYS[num()], 'c'), num(), num(), num()
  local seeded = c.seedv or tonumber(redis.call('HGET', c.key, 'seedv'))
  if seeded and seeded >= version then return 'older' end
  c.seed, c.seedv, c.seeded, c.dirty = units, version, true, true
  keep_until(c, ends)
  return 'seeded'
end

function ops.counter()
  local c, whole, frac, ends = counter(KEYS[num()], 'c'), num(), num(), num()
  local carried = c.frac + frac
  local carry = math.floor(carried / 1000000000)
  c.live, c.frac, c.frac_dirty, c.dirty = c.live + whole + carry, carried - carry * 1000000000, true, true
  keep_until(c, ends)
  return 'put'
end

-- A rate that is rebuilt starts full: what it had drained is not known, and full is the side that never admits too much.
function ops.full()
  local c, burst, ttl = counter(KEYS[num()], 'r'), num(), num()
  c.live, c.t, c.rem, c.t_dirty, c.dirty, c.ttl = burst, at, 0, true, true, ttl
  return 'put'
end

function ops.hold()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  local kinds, said, started, quantities = arg(), arg(), num(), {}
  if hold.state then return hold.state end
  for i, kind in ipairs(split(kinds)) do
    local letter = kind_of(kind).letter
    local c, quantity, ends = counter(hold.set.keys[i], letter), num(), num()
    c.held = c.held + quantity
    c.dirty = true
    if letter == 'c' then keep_until(c, ends) else c.ttl = outlives end
    quantities[i] = quantity
  end
  due[rid] = real + lifetime
  redis.call('HSET', key, 'state', 'held', 'at', text(started), 'owner', instance, 'deadline', text(due[rid]), 'counters', hold.set.names,
    'quantities', packed(quantities), 'kinds', kinds, 'call', said)
  return 'held'
end
