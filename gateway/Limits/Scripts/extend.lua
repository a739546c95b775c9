-- extend: renews the deadline of a hold, and grows it to absolute quantities if they fit. A reaped hold is held again if it fits.
-- Safe to resend: totals are absolute. An older number in the sequence changes nothing but the deadline, and is answered full if it asks
-- for more than is held.
--
-- args  request id, its hold's position in KEYS, number of counters, position of each in KEYS in the order the hold stores them,
--       sequence number, then two per counter: the most that may be used + held ('' = no hard limit), the whole quantity to hold
-- reply held · full (it does not fit: the hold is as it was, its deadline renewed) · reaped (it does not fit any more, nothing changed)
--       gone · settled · released · reread

function ops.extend()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  local seq, first = num(), p
  p = p + 2 * #hold.counters
  if not hold.state then return 'gone' end
  if hold.state == 'settled' or hold.state == 'released' then return hold.state end
  if hold.reread then return 'reread' end

  local was_held, fits, goals, grows = hold.state == 'held', true, {}, false
  for i, kind in ipairs(hold.kinds) do
    local c, k = counter_of(hold, i)
    local quantity, letter = tonumber(hold.quantities[i]), k.letter
    local cap, goal = tonumber(ARGV[first + (i - 1) * 2]), tonumber(ARGV[first + (i - 1) * 2 + 1])
    if seq <= hold.seq and goal > quantity then fits = false end   -- overtaken: it says nothing about this hold any more
    if seq <= hold.seq or goal < quantity then goal = quantity end
    if letter == 'r' then drain_as(c, kind) end
    local used = letter == 'n' and 0 or c.live + c.seed
    if not was_held then used = math.max(0, used - left_of(c, kind, quantity, hold.reaped_at)) end
    local growth = was_held and goal - quantity or goal
    if growth > 0 and cap and used + c.held + growth > cap then fits = false end
    goals[i], grows = goal, grows or goal > quantity
  end
  if not fits and not was_held then return 'reaped' end
  if fits and (grows or not was_held) then
    local quantities = {}
    for i, kind in ipairs(hold.kinds) do
      local c = counter_of(hold, i)
      take_back(c, kind, tonumber(hold.quantities[i]), hold)
      c.held = c.held + goals[i]
      quantities[i] = text(goals[i])
    end
    redis.call('HSET', key, 'quantities', table.concat(quantities, ' '), 'seq', text(math.max(seq, hold.seq)))
    if not was_held then redis.call('PERSIST', key) end
  end
  local deadline = text(real + lifetime)
  redis.call('HSET', key, 'state', 'held', 'deadline', deadline)
  redis.call('ZADD', KEYS[2], deadline, rid)
  return fits and 'held' or 'full'
end
