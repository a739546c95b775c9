-- charge: counts a call that was admitted while the store was away (grace, open), so that no hold exists. Everything it used is `over` where
-- a limit is hard.
-- Safe to resend: found by request id.
--
-- args  request id, its hold's position in KEYS, number of counters, position of each in KEYS, receipt, then four per counter:
--       kind (with its window's start), ms at which its key expires on Redis's clock ('' = never), whole units, billionths
-- reply settled, then per counter the whole units added · held · reaped (a hold was made after all, by a reserve that got no answer:
--       release it first)

function ops.charge()
  local rid, key = arg(), KEYS[num()]
  local hold = load_hold(key)
  local receipt, first = arg(), p
  p = p + 4 * #hold.counters
  if hold.state == 'settled' then return hold.reply end
  if hold.state and hold.state ~= 'released' then return hold.state end
  local reply = { 'settled' }
  for i, counter_key in ipairs(hold.counters) do
    local a = first + (i - 1) * 4
    local kind, ends, whole, frac = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
    local k = kind_of(kind)
    local c, letter = counter(counter_key, k.letter), k.letter
    local ceiling = frac > 0 and whole + 1 or whole
    reply[i + 1] = '0'
    if letter == 'r' then
      drain_as(c, kind)
      c.live = c.live + ceiling
      c.ttl = tonumber(outlives)
      reply[i + 1] = text(ceiling)
    elseif letter == 'c' then
      reply[i + 1] = text(add_live(c, whole, frac))
      keep_until(c, ends)
    end
    add_over(c, k, rid, ceiling)
  end
  local answer = table.concat(reply, ' ')
  redis.call('HSET', key, 'state', 'settled', 'owner', ARGV[3], 'counters', hold.names, 'receipt', receipt, 'reply', answer)
  redis.call('PEXPIRE', key, receipts)
  return answer
end
