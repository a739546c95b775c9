-- reserve: holds the worst case of one request on every counter, all or none. Safe to resend: found by request id.
--
-- args  request id, its hold's position in KEYS, latest Redis ms at which this may still run ('' = always),
--       least and most output tokens (equal unless the gateway may clamp), number of counters, then seven per counter:
--       spec (1..), worst case without output: whole units, billionths; per output token: whole units, billionths;
--       whether output may be clamped to fit it ('1'), whether its window needs a seed ('1')
-- reply held    at, output tokens, then per counter: pick (1 current window, 2 next), used, held, quantity; used and held without
--               this request
--       refused at, output tokens asked for at least, then the same per counter
--       unseeded at, number of the counter      its window began before anybody counted on it, and no seed is there
--       late    at      sent too long ago: nothing was done, the caller gives up or asks anew
--       clock   at      Redis's time lies in none of the windows: the caller computes them again from `at`
--       settled | released | reaped      this id has already ended

-- ceil(a + n · b), both as whole units and billionths; exact for n < 2^31, by parts that stay below 2^53.
local function worst(aw, af, bw, bf, n)
  local whole, frac = aw + bw * n, af
  if bf > 0 then
    local high = math.floor(n / 10000) * bf
    local low = (n % 10000) * bf + (high % 100000) * 10000 + af
    whole = whole + math.floor(high / 100000) + math.floor(low / 1000000000)
    frac = low % 1000000000
  end
  if frac > 0 then whole = whole + 1 end
  return whole
end

-- The largest n in 0..most with worst(n) <= room.
local function largest(room, aw, af, bw, bf, most)
  local n = math.floor((room - aw) / (bw + bf / 1000000000))
  n = math.max(0, math.min(most, n))
  while n > 0 and worst(aw, af, bw, bf, n) > room do n = n - 1 end
  while n < most and worst(aw, af, bw, bf, n + 1) <= room do n = n + 1 end
  return n
end

function ops.reserve(specs)
  local rid, key, not_after = arg(), KEYS[num()], arg()
  local least, out, n = num(), num(), num()
  local first = p
  p = p + n * 7
  local known = redis.call('HMGET', key, 'state', 'reply')
  if known[1] == 'held' then return known[2] end
  if known[1] then return known[1] end
  if not_after ~= '' and real > tonumber(not_after) then return 'late ' .. text(at) end

  local seen = {}
  for i = 1, n do
    local a = first + (i - 1) * 7
    local spec = specs[tonumber(ARGV[a])]
    local it = { spec = spec, pick = 1, start = '-', aw = tonumber(ARGV[a + 1]), af = tonumber(ARGV[a + 2]), bw = tonumber(ARGV[a + 3]), bf = tonumber(ARGV[a + 4]) }
    if spec.letter == 'c' then
      if at < spec.from or at >= spec.to then return 'clock ' .. text(at) end
      if at >= spec.middle then it.pick = 2 end
      it.c = counter(it.pick == 1 and spec.key or spec.next_key)
      it.start = text(it.pick == 1 and spec.from or spec.middle)
      if ARGV[a + 6] == '1' and it.pick == 1 and not it.c.seedv then return 'unseeded ' .. text(at) .. ' ' .. text(i) end
    else
      it.c = counter(spec.key)
      if spec.letter == 'r' then drain(it.c, spec.drains, spec.period) end
    end
    it.used = spec.letter == 'n' and 0 or it.c.live + it.c.seed
    it.held = it.c.held
    if spec.cap and ARGV[a + 5] == '1' and (it.bw > 0 or it.bf > 0) then
      out = math.min(out, largest(spec.cap - it.used - it.held, it.aw, it.af, it.bw, it.bf, out))
    end
    seen[i] = it
  end

  local fits = out >= least
  if not fits then out = least end
  local reply = { 'held', text(at), text(out) }
  for i, it in ipairs(seen) do
    it.quantity = worst(it.aw, it.af, it.bw, it.bf, out)
    if it.spec.cap and it.used + it.held + it.quantity > it.spec.cap then fits = false end
    local r = #reply
    reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = text(it.pick), text(it.used), text(it.held), text(it.quantity)
  end
  for _, it in ipairs(seen) do
    if it.spec.levels ~= '' then cross(it.c, it.start, it.spec.levels) end
  end
  if not fits then
    reply[1] = 'refused'
    return table.concat(reply, ' ')
  end

  local names, quantities, kinds, levels, has_levels = {}, {}, {}, {}, false
  for i, it in ipairs(seen) do
    local c, spec = it.c, it.spec
    c.held = c.held + it.quantity
    c.dirty = true
    if spec.letter == 'c' then
      local ends = it.pick == 1 and spec.middle or spec.to
      if spec.forever then c.forever = true
      elseif not c.exists then c.ends = ends - offset + tonumber(outlives) end
      kinds[i] = spec.kind .. it.start
    else
      -- Has no window to end with: lives on while it is used, refreshed once an hour.
      c.refresh = math.floor((real - (c.refreshed or 0)) / 3600000) > 0
      if c.refresh then c.refreshed, c.refreshed_dirty = real, true end
      c.ttl = spec.letter == 'r' and spec.remembers or tonumber(outlives)
      if spec.letter == 'r' then
        c.t_dirty = true
        if c.speed ~= spec.kind then c.speed, c.speed_dirty = spec.kind, true end
      end
      kinds[i] = spec.kind
    end
    names[i], quantities[i] = string.sub(c.key, -32), text(it.quantity)
    levels[i] = spec.levels ~= '' and spec.levels or '-'
    has_levels = has_levels or spec.levels ~= ''
  end
  local answer, deadline = table.concat(reply, ' '), text(real + lifetime)
  redis.call('HSET', key, 'state', 'held', 'at', text(at), 'owner', ARGV[3], 'deadline', deadline, 'counters', table.concat(names, ' '),
    'quantities', table.concat(quantities, ' '), 'kinds', table.concat(kinds, ' '), 'reply', answer)
  if has_levels then redis.call('HSET', key, 'levels', table.concat(levels, ' ')) end
  redis.call('ZADD', KEYS[2], deadline, rid)
  return answer
end
