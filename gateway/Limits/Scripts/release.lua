-- release: gives a hold back; nothing was used. The tombstone makes a reserve that arrives later fail. Safe to resend.
--
-- takes   request id; its hold's position in KEYS, the set that is its counters
-- reply released · gone (no such hold, nothing changed) · settled (it was settled) · reread (KEYS are not its counters)

function ops.release()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  if not hold.state then return 'gone' end
  if hold.state == 'settled' then return 'settled' end
  if hold.state == 'released' then return 'released' end
  if hold.reread then return 'reread' end
  for i, part in ipairs(parts_of(hold)) do take_back(part, hold.quantities[i], hold) end
  redis.call('HSET', key, 'state', 'released')
  redis.call('PEXPIRE', key, text(receipts))
  due[rid] = false
  return 'released'
end
