-- reap: charges a hold whose deadline has passed, provisionally and in full; its owner's recovery replaces it. A place among the
-- requests that run at once is only freed. Safe to resend.
--
-- args  request id, its hold's position in KEYS, number of counters, position of each in KEYS in the order the hold stores them
-- reply reaped · early (its deadline was renewed) · gone · settled · released · reread

function ops.reap()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  if not hold.state then
    redis.call('ZREM', KEYS[2], rid)
    return 'gone'
  end
  if hold.state ~= 'held' then
    if hold.state ~= 'reaped' then redis.call('ZREM', KEYS[2], rid) end
    return hold.state
  end
  if hold.reread then return 'reread' end
  if real <= hold.deadline then return 'early' end
  for i, kind in ipairs(hold.kinds) do
    local c, k = counter_of(hold, i)
    local quantity = tonumber(hold.quantities[i])
    take_back(c, kind, quantity, hold)
    if k.letter ~= 'n' then
      c.live = c.live + quantity
      if hold.levels then cross(c, k.start, hold.levels[i]) end
    end
  end
  redis.call('HSET', key, 'state', 'reaped', 'reaped', text(at))
  redis.call('PEXPIRE', key, text(reaped_kept))
  -- Kept in sight of its owner's recovery, which may have to give it back, until the hold itself expires.
  redis.call('ZADD', KEYS[2], text(real + reaped_kept), rid)
  reports[#reports + 1] = 'p ' .. text(at) .. ' ' .. rid
  return 'reaped'
end
