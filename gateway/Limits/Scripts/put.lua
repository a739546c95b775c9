-- put: what a counter starts from. Four ways, all absolute and safe to resend:
--   seed      use counted elsewhere, written only over a smaller version (protocols A7)
--   counter   settled use, when counters are rebuilt into a new epoch
--   full      a rate's whole burst, when it is rebuilt
--   hold      a live request's hold, re-created unconditionally in a new epoch
--
-- seed takes     counter's position in KEYS, units, version, ms at which its key expires on Redis's clock (infinite: never)
--      reply     seeded · older
-- counter takes  counter's position in KEYS, whole units, billionths, ms at which its key expires
--      reply     put
-- full takes     counter's position in KEYS, units, ms that its key is kept
--      reply     put
-- hold takes     request id, kinds; its hold's position in KEYS, the set that is its counters, at (ms), then two per counter: quantity, ms at
--                which its key expires
--      reply     held · the state that this id already has

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
  c.live, c.frac, c.frac_dirty, c.dirty = whole, frac, true, true
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
  local kinds, started, quantities = arg(), num(), {}
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
    'quantities', packed(quantities), 'kinds', kinds)
  return 'held'
end
