-- reap: charges a hold whose deadline has passed, provisionally and in full; its owner's recovery replaces it. A place among the
-- requests that run at once is only freed. Safe to resend.
--
-- takes   request id; its hold's position in KEYS, the set that is its counters
-- reply reaped · early (its deadline was renewed) · gone · settled · released · reread

function ops.reap()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  if not hold.state then
    due[rid] = false
    return 'gone'
  end
  if hold.state ~= 'held' then
    if hold.state ~= 'reaped' then due[rid] = false end
    return hold.state
  end
  if hold.reread then return 'reread' end
  if real <= (tonumber(field(hold, 'deadline')) or 0) then return 'early' end
  for i, part in ipairs(parts_of(hold)) do
    local c, quantity = part.c, hold.quantities[i]
    take_back(part, quantity, hold)
    if part.letter ~= 'n' then
      c.live = c.live + quantity
      if hold.levels then cross(c, part.k.start, hold.levels[i]) end
    end
  end
  redis.call('HSET', key, 'state', 'reaped', 'reaped', text(at))
  redis.call('PEXPIRE', key, text(reaped_kept))
  -- Kept in sight of its owner's recovery, which may have to give it back, until the hold itself expires.
  due[rid] = real + reaped_kept
  reports[#reports + 1] = 'p ' .. text(at) .. ' ' .. rid
  return 'reaped'
end
