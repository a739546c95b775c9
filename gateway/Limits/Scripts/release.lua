-- release: gives a hold back; nothing was used. The tombstone makes a reserve that arrives later fail. Safe to resend.
--
-- args  request id, its hold's position in KEYS, number of counters, position of each in KEYS in the order the hold stores them
-- reply released · gone (no such hold, nothing changed) · settled (it was settled) · reread (KEYS are not its counters)

function ops.release()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  if not hold.state then return 'gone' end
  if hold.state == 'settled' then return 'settled' end
  if hold.state == 'released' then return 'released' end
  if hold.reread then return 'reread' end
  for i, kind in ipairs(hold.kinds) do
    take_back((counter_of(hold, i)), kind, tonumber(hold.quantities[i]), hold)
  end
  redis.call('HSET', key, 'state', 'released')
  redis.call('PEXPIRE', key, receipts)
  redis.call('ZREM', KEYS[2], rid)
  return 'released'
end
