-- extend: renews the deadline of a hold, and grows it to absolute quantities if they fit. A reaped hold is held again if it fits.
-- Safe to resend: totals are absolute. An older number in the sequence changes nothing but the deadline, and is answered full if it asks
-- for more than is held.
--
-- takes   request id; its hold's position in KEYS, the set that is its counters, sequence number, then two per counter: the most that may be
--         used + held (infinite: no hard limit), the whole quantity to hold
-- reply held · full (it does not fit: the hold is as it was, its deadline renewed) · reaped (it does not fit any more, nothing changed)
--       gone · settled · released · reread

function ops.extend()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  local seq = num()
  if not hold.state then return 'gone' end
  if hold.state == 'settled' or hold.state == 'released' then return hold.state end
  if hold.reread then return 'reread' end

  local was_held, last_seq, parts = hold.state == 'held', tonumber(field(hold, 'seq')) or 0, parts_of(hold)
  local fits, goals, grows = true, {}, false
  for i, part in ipairs(parts) do
    local c, quantity, cap, goal = part.c, hold.quantities[i], num(), num()
    if seq <= last_seq and goal > quantity then fits = false end   -- overtaken: it says nothing about this hold any more
    if seq <= last_seq or goal < quantity then goal = quantity end
    if part.letter == 'r' then drain_as(c, part.kind) end
    local used = used_of(c, part.letter)
    if not was_held then used = math.max(0, used - left_of(part, quantity, hold)) end
    local growth = was_held and goal - quantity or goal
    if growth > 0 and used + c.held + growth > cap then fits = false end
    goals[i], grows = goal, grows or goal > quantity
  end
  if not fits and not was_held then return 'reaped' end
  if fits and (grows or not was_held) then
    for i, part in ipairs(parts) do
      take_back(part, hold.quantities[i], hold)
      part.c.held = part.c.held + goals[i]
    end
    redis.call('HSET', key, 'quantities', packed(goals), 'seq', text(math.max(seq, last_seq)))
    if not was_held then redis.call('PERSIST', key) end
  end
  due[rid] = real + lifetime
  redis.call('HSET', key, 'state', 'held', 'deadline', text(due[rid]))
  return fits and 'held' or 'full'
end
