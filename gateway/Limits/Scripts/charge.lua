-- charge: counts a call that was admitted while the store was away (grace, open), so that no hold exists. Everything it used is `over` where
-- a limit is hard.
-- Safe to resend: found by request id.
--
-- takes   request id, receipt, kinds (each with its window's start); its hold's position in KEYS, the set that is its counters, then three per
--         counter: ms at which its key expires on Redis's clock (infinite: never), whole units, billionths
-- reply settled, then per counter the whole units added · held · reaped (a hold was made after all, by a reserve that got no answer:
--       release it first)

function ops.charge()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  local receipt, kinds = arg(), split(arg())
  if hold.state == 'settled' then return field(hold, 'reply') end
  if hold.state and hold.state ~= 'released' then return hold.state end
  local added = {}
  for i, counter_key in ipairs(hold.set.keys) do
    local kind, ends, whole, frac = kinds[i], num(), num(), num()
    local k = kind_of(kind)
    local c, letter = counter(counter_key, k.letter), k.letter
    local ceiling = frac > 0 and whole + 1 or whole
    added[i] = 0
    if letter == 'r' then
      drain_as(c, kind)
      c.live = c.live + ceiling
      c.ttl = outlives
      added[i] = ceiling
    elseif letter == 'c' then
      added[i] = add_live(c, whole, frac)
      keep_until(c, ends)
    end
    add_over(c, k, rid, ceiling)
  end
  local answer = 'settled ' .. packed(added)
  redis.call('HSET', key, 'state', 'settled', 'owner', instance, 'counters', hold.set.names, 'receipt', receipt, 'reply', answer)
  redis.call('PEXPIRE', key, text(receipts))
  return answer
end
