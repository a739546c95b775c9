-- settle: replaces a hold, or the provisional charge of a reaped one, by what was really used. Safe to resend.
--
-- takes   request id, receipt (facts of the call, for the owner's recovery); its hold's position in KEYS, the set that is its counters, then two
--         per counter: whole units, billionths of a unit
-- reply   settled, packed: per counter the whole units added      a repeat gets the same reply
--         gone      no such hold, nothing changed
--         released  it was released      reread      KEYS are not its counters

function ops.settle()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  local receipt = arg()
  if not hold.state then return 'gone' end
  if hold.state == 'settled' then return field(hold, 'reply') end
  if hold.state == 'released' then return 'released' end
  if hold.reread then return 'reread' end

  local added, parts = {}, parts_of(hold)
  for i = 1, #parts do
    local part, quantity, whole, frac = parts[i], hold.quantities[i], numbers[q + 1], numbers[q + 2]
    local c, letter = part.c, part.letter
    local ceiling = frac > 0 and whole + 1 or whole
    q = q + 2
    if letter == 'r' and hold.state == 'reaped' then
      -- Its use stands since it was charged: only what was charged too much goes, or what was used beyond comes.
      drain_as(c, part.kind)
      if ceiling <= quantity then c.live = math.max(0, c.live - math.min(quantity - ceiling, left_of(part, quantity, hold)))
      else c.live = c.live + ceiling - quantity end
    else
      take_back(part, quantity, hold)
      if letter == 'r' then c.live = c.live + ceiling end
    end
    if letter == 'c' then
      added[i] = add_live(c, whole, frac)
      if hold.levels then cross(c, part.k.start, hold.levels[i]) end
    else
      added[i] = letter == 'r' and ceiling or 0
    end
    add_over(c, part.k, rid, ceiling - quantity)   -- the provider billed more than it was asked for
  end
  local answer = 'settled ' .. packed(added)
  redis.call('HSET', key, 'state', 'settled', 'receipt', receipt, 'reply', answer)
  redis.call('PEXPIRE', key, text(receipts))
  due[rid] = false
  return answer
end
