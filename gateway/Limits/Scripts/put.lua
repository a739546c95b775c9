-- put: what a counter starts from. Four ways, all absolute and safe to resend:
--   seed      use counted elsewhere, written only over a smaller version (protocols A7)
--   counter   settled use, when counters are rebuilt into a new epoch
--   full      a rate's whole burst, when it is rebuilt
--   hold      a live request's hold, re-created unconditionally in a new epoch
--
-- seed args     counter's position in KEYS, units, version, ms at which its key expires on Redis's clock ('' = never)
--      reply    seeded · older
-- counter args  counter's position in KEYS, whole units, billionths, ms at which its key expires ('' = never)
--      reply    put
-- full args     counter's position in KEYS, units, ms that its key is kept
--      reply    put
-- hold args     request id, its hold's position in KEYS, number of counters, position of each in KEYS, at (ms),
--               then three per counter: kind, quantity, ms at which its key expires ('' = never)
--      reply    held · the state that this id already has

function ops.seed()
  local c, units, version, ends = counter(KEYS[num()], 'c'), num(), num(), arg()
  if c.seedv and c.seedv >= version then return 'older' end
  c.seed, c.seedv, c.seed_dirty, c.dirty = units, version, true, true
  keep_until(c, ends)
  return 'seeded'
end

function ops.counter()
  local c, whole, frac, ends = counter(KEYS[num()], 'c'), num(), num(), arg()
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
  local started, first = arg(), p
  p = p + 3 * #hold.counters
  if hold.state then return hold.state end
  local quantities, kinds = {}, {}
  for i, counter_key in ipairs(hold.counters) do
    local a = first + (i - 1) * 3
    local letter = kind_of(ARGV[a]).letter
    local c = counter(counter_key, letter)
    c.held = c.held + tonumber(ARGV[a + 1])
    c.dirty = true
    if letter == 'c' then keep_until(c, ARGV[a + 2]) else c.ttl = tonumber(outlives) end
    kinds[i], quantities[i] = ARGV[a], ARGV[a + 1]
  end
  local deadline = text(real + lifetime)
  redis.call('HSET', key, 'state', 'held', 'at', started, 'owner', ARGV[3], 'deadline', deadline, 'counters', hold.names,
    'quantities', table.concat(quantities, ' '), 'kinds', table.concat(kinds, ' '))
  redis.call('ZADD', KEYS[2], deadline, rid)
  return 'held'
end
