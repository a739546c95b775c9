-- settle: replaces a hold, or the provisional charge of a reaped one, by what was really used. Safe to resend.
--
-- args  request id, its hold's position in KEYS, number of counters, position of each in KEYS in the order the hold stores them,
--       receipt (facts of the call, for the owner's recovery), then two per counter: whole units, billionths of a unit
-- reply settled, then per counter the whole units added      a repeat gets the same reply
--       gone      no such hold, nothing changed
--       released  it was released      reread      KEYS are not its counters

function ops.settle()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  local receipt, first = arg(), p
  p = p + 2 * #hold.counters
  if not hold.state then return 'gone' end
  if hold.state == 'settled' then return hold.reply end
  if hold.state == 'released' then return 'released' end
  if hold.reread then return 'reread' end

  local reply = { 'settled' }
  for i, kind in ipairs(hold.kinds) do
    local c, k = counter_of(hold, i)
    local quantity, letter = tonumber(hold.quantities[i]), k.letter
    local whole, frac = tonumber(ARGV[first + (i - 1) * 2]), tonumber(ARGV[first + (i - 1) * 2 + 1])
    local ceiling = frac > 0 and whole + 1 or whole
    if letter == 'r' and hold.state == 'reaped' then
      -- Its use stands since it was charged: only what was charged too much goes, or what was used beyond comes.
      drain_as(c, kind)
      if ceiling <= quantity then c.live = math.max(0, c.live - math.min(quantity - ceiling, left_of(c, kind, quantity, hold.reaped_at)))
      else c.live = c.live + ceiling - quantity end
    else
      take_back(c, kind, quantity, hold)
      if letter == 'r' then c.live = c.live + ceiling end
    end
    if letter == 'r' then
      reply[i + 1] = text(ceiling)
    elseif letter == 'n' then
      reply[i + 1] = '0'
    else
      reply[i + 1] = text(add_live(c, whole, frac))
      if hold.levels then cross(c, k.start, hold.levels[i]) end
    end
    add_over(c, k, rid, ceiling - quantity)   -- the provider billed more than it was asked for
  end
  local answer = table.concat(reply, ' ')
  redis.call('HSET', key, 'state', 'settled', 'receipt', receipt, 'reply', answer)
  redis.call('PEXPIRE', key, receipts)
  redis.call('ZREM', KEYS[2], rid)
  return answer
end
