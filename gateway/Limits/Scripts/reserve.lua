-- reserve: holds the worst case of one request on every counter, all or none. Safe to resend: found by request id.
--
-- args  request id, its hold's position in KEYS, latest Redis ms at which this may still run ('' = always),
--       least and most output tokens (equal unless the gateway may clamp), number of counters, the spec (1..) of each,
--       then four per counter: worst case without output: whole units, billionths; per output token: whole units, billionths
-- reply held    at, output tokens, a digit per counter (1 current window, 2 next), then per counter: used, held, quantity;
--               used and held without this request
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

-- What a limit's terms come to in this call, the same for every request in it: window, counter, what was used.
local function look(spec)
  if spec.letter == 'c' then
    if at < spec.from or at >= spec.to then return false end
    spec.pick = at >= spec.middle and 2 or 1
    spec.c = counter(spec.pick == 1 and spec.key or spec.next_key, 'c')
    spec.start = text(spec.pick == 1 and spec.from or spec.middle)
    spec.hold_kind = spec.kind .. spec.start
  else
    spec.pick, spec.c, spec.start, spec.hold_kind = 1, counter(spec.key, spec.letter), '-', spec.kind
    if spec.letter == 'r' then drain(spec.c, spec.drains, spec.period) end
  end
  spec.name = string.sub(spec.c.key, -32)
  return true
end

-- The parts of a hold that only say on which counters it is: joined once for requests that touch the same.
local lists = {}

local function list_of(specs, first, n)
  local numbers = table.concat(ARGV, ' ', first, first + n - 1)
  local list = lists[numbers]
  if list then return list end
  list = { specs = {}, names = {}, kinds = {}, levels = {}, picks = {} }
  for i, number in ipairs(split(numbers)) do
    local spec = specs[tonumber(number)]
    if not spec.c and not look(spec) then return nil end
    list.specs[i], list.names[i], list.kinds[i], list.picks[i] = spec, spec.name, spec.hold_kind, text(spec.pick)
    list.levels[i] = spec.levels ~= '' and spec.levels or '-'
    list.has_levels = list.has_levels or spec.levels ~= ''
    list.needs_seed = list.needs_seed or spec.needs_seed
  end
  list.names, list.kinds, list.picks = table.concat(list.names, ' '), table.concat(list.kinds, ' '), table.concat(list.picks)
  list.levels = list.has_levels and table.concat(list.levels, ' ')
  lists[numbers] = list
  return list
end

function ops.reserve(specs)
  local rid, key, not_after = arg(), KEYS[num()], arg()
  local least, out, n = num(), num(), num()
  local numbers, first = p, p + n
  p = first + n * 4
  local known = redis.call('HMGET', key, 'state', 'reply')
  if known[1] == 'held' then return known[2] end
  if known[1] then return known[1] end
  if not_after ~= '' and real > tonumber(not_after) then return 'late ' .. text(at) end

  local list = list_of(specs, numbers, n)
  if not list then return 'clock ' .. text(at) end
  if list.needs_seed then
    for i, spec in ipairs(list.specs) do
      if spec.needs_seed and spec.pick == 1 and not spec.c.seedv then return 'unseeded ' .. text(at) .. ' ' .. text(i) end
    end
  end
  local may_clamp, a = least < out, first
  for _, spec in ipairs(list.specs) do
    local c = spec.c
    spec.used = spec.letter == 'n' and 0 or c.live + c.seed
    spec.aw, spec.af, spec.bw, spec.bf = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
    a = a + 4
    if may_clamp and spec.cap and spec.may_clamp and (spec.bw > 0 or spec.bf > 0) then
      out = math.min(out, largest(spec.cap - spec.used - c.held, spec.aw, spec.af, spec.bw, spec.bf, out))
    end
    if spec.levels ~= '' then cross(c, spec.start, spec.levels) end
  end

  local fits = out >= least
  if not fits then out = least end
  local reply, quantities, r = { 'held', text(at), text(out), list.picks }, {}, 4
  for i, spec in ipairs(list.specs) do
    local held = spec.c.held
    spec.quantity = worst(spec.aw, spec.af, spec.bw, spec.bf, out)
    if spec.cap and spec.used + held + spec.quantity > spec.cap then fits = false end
    quantities[i] = text(spec.quantity)
    reply[r + 1], reply[r + 2], reply[r + 3] = text(spec.used), text(held), quantities[i]
    r = r + 3
  end
  if not fits then
    reply[1] = 'refused'
    return table.concat(reply, ' ')
  end

  for _, spec in ipairs(list.specs) do
    local c = spec.c
    c.held = c.held + spec.quantity
    c.dirty = true
    if spec.letter == 'c' then
      if spec.forever then c.forever = true
      elseif not c.exists then c.ends = (spec.pick == 1 and spec.middle or spec.to) - offset + tonumber(outlives) end
    else
      -- Has no window to end with: lives on while it is used, refreshed once an hour.
      c.refresh = c.refresh or math.floor((real - (c.refreshed or 0)) / 3600000) > 0
      if c.refresh then c.refreshed, c.refreshed_dirty = real, true end
      c.ttl = spec.letter == 'r' and spec.remembers or tonumber(outlives)
      if spec.letter == 'r' then
        c.t_dirty = true
        if c.speed ~= spec.kind then c.speed, c.speed_dirty = spec.kind, true end
      end
    end
  end
  local answer, deadline = table.concat(reply, ' '), text(real + lifetime)
  if list.levels then
    redis.call('HSET', key, 'state', 'held', 'at', text(at), 'owner', ARGV[3], 'deadline', deadline, 'counters', list.names,
      'quantities', table.concat(quantities, ' '), 'kinds', list.kinds, 'reply', answer, 'levels', list.levels)
  else
    redis.call('HSET', key, 'state', 'held', 'at', text(at), 'owner', ARGV[3], 'deadline', deadline, 'counters', list.names,
      'quantities', table.concat(quantities, ' '), 'kinds', list.kinds, 'reply', answer)
  end
  redis.call('ZADD', KEYS[2], deadline, rid)
  return answer
end
