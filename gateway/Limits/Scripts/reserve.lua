-- reserve: holds the worst case of one request on every counter, all or none. Safe to resend: found by request id.
--
-- takes   request id, what the hold says of its call (JSON, see CallNote; may be empty): kept as `call`, read when the begin record is lost
--         with the power or the disk of its gateway; its hold's position in KEYS, latest Redis ms at which this may still run, least and most output tokens (equal unless the
--         gateway may clamp), the list that is its counters, then four per counter: worst case without output: whole units, billionths; per
--         output token: whole units, billionths
-- reply   held      a digit per counter (1 current window, 2 next), packed: at, output tokens, then per counter used, held, quantity;
--                   used and held without this request
--         refused   the same; the output tokens are those that were asked for at least
--         unseeded  at, number of the counter      its window began before anybody counted on it, and no seed is there
--         late      at      sent too long ago: nothing was done, the caller gives up or asks anew
--         clock     at      Redis's time lies in none of the windows: the caller computes them again from `at`
--         settled | released | reaped      this id has already ended

-- ceil(a + n · b), both as whole units and billionths; exact for n < 2^31, by parts that stay below 2^53.
local function worst(aw, af, bw, bf, n)
  local whole, frac = aw + bw * n, af
  if bf == 0 and af == 0 then return whole end
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

-- The counters of requests that touch the same, and the parts of a hold that only say which those are: looked at once a call. False: no window fits.
local lists = {}

local function look_at(list)
  local names, kinds, levels, picks, has_levels = {}, {}, {}, {}, false
  for i, spec in ipairs(list) do
    if not spec.c and not look(spec) then return false end
    names[i], kinds[i], picks[i], levels[i] = spec.name, spec.hold_kind, spec.pick, spec.levels ~= '' and spec.levels or '-'
    has_levels = has_levels or spec.levels ~= ''
    list.needs_seed = list.needs_seed or spec.needs_seed
  end
  list.names, list.kinds, list.picks = table.concat(names, ' '), table.concat(kinds, ' '), table.concat(picks)
  list.levels = has_levels and table.concat(levels, ' ')
  return true
end

-- A hold is made here: the counter stays as long as its window may be asked for. Once a call is enough.
local function keep(spec)
  local c = spec.c
  spec.kept, c.dirty = true, true
  if spec.letter == 'c' then
    if spec.forever then c.forever = true
    elseif not c.exists then c.ends = (spec.pick == 1 and spec.middle or spec.to) - offset + outlives end
    return
  end
  -- Has no window to end with: lives on while it is used, refreshed once an hour.
  if real - (c.refreshed or 0) >= 3600000 then c.refresh, c.refreshed, c.refreshed_dirty = true, real, true end
  c.ttl = spec.letter == 'r' and spec.remembers or outlives
  if spec.letter == 'r' then
    c.t_dirty = true
    if c.speed ~= spec.kind then c.speed, c.speed_dirty = spec.kind, true end
  end
end

function ops.reserve()
  local rid, said, key, not_after = arg(), arg(), KEYS[num()], num()
  local least, out, list = num(), num(), lists[num()]
  local known = redis.call('HGET', key, 'state')
  if known == 'held' then return redis.call('HGET', key, 'reply') end
  if known then return known end
  if real > not_after then return 'late ' .. text(at) end

  if not list.names and not look_at(list) then return 'clock ' .. text(at) end
  if list.needs_seed then
    for i, spec in ipairs(list) do
      if spec.needs_seed and spec.pick == 1 and not spec.c.seeded then return 'unseeded ' .. text(at) .. ' ' .. text(i) end
    end
  end
  local first = q + 1
  if least < out then
    for i = 1, #list do
      local spec, c, a = list[i], list[i].c, first + (i - 1) * 4
      if spec.cap and spec.may_clamp and (numbers[a + 2] > 0 or numbers[a + 3] > 0) then
        local used = used_of(c, spec.letter)
        out = math.min(out, largest(spec.cap - used - c.held, numbers[a], numbers[a + 1], numbers[a + 2], numbers[a + 3], out))
      end
    end
  end

  local fits = out >= least
  if not fits then out = least end
  local reply, quantities, a, r = { at, out }, {}, first, 2
  for i = 1, #list do
    local spec = list[i]
    local c = spec.c
    local used, held = used_of(c, spec.letter), c.held
    local quantity = worst(numbers[a], numbers[a + 1], numbers[a + 2], numbers[a + 3], out)
    if spec.cap and used + held + quantity > spec.cap then fits = false end
    if list.levels then cross(c, spec.start, spec.levels) end
    quantities[i], reply[r + 1], reply[r + 2], reply[r + 3] = quantity, used, held, quantity
    a, r = a + 4, r + 3
  end
  if not fits then return 'refused ' .. list.picks .. ' ' .. packed(reply) end

  for i = 1, #list do
    local spec = list[i]
    spec.c.held = spec.c.held + quantities[i]
    if not spec.kept then keep(spec) end
  end
  local answer, deadline = 'held ' .. list.picks .. ' ' .. packed(reply), real + lifetime
  if list.levels then
    redis.call('HSET', key, 'state', 'held', 'at', text(at), 'owner', instance, 'deadline', text(deadline), 'counters', list.names,
      'quantities', packed(quantities), 'kinds', list.kinds, 'call', said, 'reply', answer, 'levels', list.levels)
  else
    redis.call('HSET', key, 'state', 'held', 'at', text(at), 'owner', instance, 'deadline', text(deadline), 'counters', list.names,
      'quantities', packed(quantities), 'kinds', list.kinds, 'call', said, 'reply', answer)
  end
  due[rid] = deadline
  return answer
end
