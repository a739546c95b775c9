-- counters.lua: what every part of the script shares; the first of the files that are joined into one (see batch.lua).
--
-- A counter is a hash: live (settled use), frac (billionths of a unit still to carry), seed and seedv (use counted elsewhere, and its
-- version), held (open holds), over (use that no hold covered), marks (thresholds told); a rate's counter also has t (milliseconds of
-- the last drain) and rem (the remainder of that drain), its speed (as a kind, see below), and what has no window kept (when its expiry was last put off).
-- Counters are read once, decided on in memory, and written once at the end; holds are written as they are decided, so that a later op
-- of the same call sees them.
-- Every number is an integer below 2^53 and leaves as '%d' text, because Lua itself prints only 14 digits ('%.0f' says the same and
-- takes eight times as long).

local unpack = unpack or table.unpack

local function text(n) return string.format('%d', n) end

-- Numbers travel packed, as doubles of eight bytes each, little end first: an argument of its own for each costs more than what is done with it.
local layouts = {}

local function layout(n)
  local it = layouts[n]
  if not it then
    it = '<' .. string.rep('d', n)
    layouts[n] = it
  end
  return it
end

local function packed(numbers) return struct.pack(layout(#numbers), unpack(numbers)) end

-- The numbers, and behind them one that is none of them.
local function unpacked(s) return { struct.unpack(layout(#s / 8), s) } end

local words = {}

-- The words of a text. Kept, since the holds of one call look much alike; nobody changes them.
local function split(s)
  local out = words[s]
  if not out then
    out = {}
    for word in string.gmatch(s, '%S+') do out[#out + 1] = word end
    words[s] = out
  end
  return out
end

local call, q = unpacked(ARGV[3]), 11          -- the numbers of the call, later those of an op, and the last that was read
local clock = redis.call('TIME')
local real = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local offset = call[2]
local at = real + offset                       -- what chooses windows; deadlines stay on `real`
local outlives, receipts, lifetime, reaped_kept = call[4], call[5], call[6], call[7]
local instance = ARGV[2]
local is_repeat = false                        -- what this call puts was put before (see put.lua)
local numbers, p = call, 3                     -- p: the last argument that was read

local function arg()
  p = p + 1
  return ARGV[p]
end

local function num()
  q = q + 1
  return numbers[q]
end

-- Counters ----------------------------------------------------------------------------------------------------------------------

local counters, loaded = {}, {}

-- The counter with this key, as it is now, with what this script has decided so far.
local function counter(key, letter)
  local c = counters[key]
  if not c then
    c = { key = key, live = 0, frac = 0, seed = 0, rem = 0 }
    local v
    if letter == 'c' then
      v = redis.call('HMGET', key, 'live', 'held', 'frac', 'seed')
      c.live, c.frac, c.seed, c.seeded = tonumber(v[1]) or 0, tonumber(v[3]) or 0, tonumber(v[4]) or 0, v[4]
      c.exists = v[1] or v[4]
    elseif letter == 'r' then
      v = redis.call('HMGET', key, 'live', 'held', 't', 'rem', 'kept', 'speed')
      c.live, c.t, c.rem, c.refreshed, c.speed = tonumber(v[1]) or 0, tonumber(v[3]), tonumber(v[4]) or 0, tonumber(v[5]), v[6]
      c.exists = v[1]
    else
      v = redis.call('HMGET', key, 'live', 'held', 'kept')
      c.refreshed, c.exists = tonumber(v[3]), v[2]
    end
    c.held = tonumber(v[2]) or 0
    counters[key] = c
    loaded[#loaded + 1] = c
  end
  return c
end

local function write_counters()
  for i = 1, #loaded do
    local c = loaded[i]
    if c.dirty then
      local w = { 'live', text(c.live), 'held', text(c.held) }
      if c.frac_dirty then w[#w + 1] = 'frac'; w[#w + 1] = text(c.frac) end
      if c.t_dirty then w[#w + 1] = 't'; w[#w + 1] = text(c.t); w[#w + 1] = 'rem'; w[#w + 1] = text(c.rem) end
      if c.seedv then w[#w + 1] = 'seed'; w[#w + 1] = text(c.seed); w[#w + 1] = 'seedv'; w[#w + 1] = text(c.seedv) end
      if c.speed_dirty then w[#w + 1] = 'speed'; w[#w + 1] = c.speed end
      if c.refreshed_dirty then w[#w + 1] = 'kept'; w[#w + 1] = text(c.refreshed) end
      if c.marks_dirty then w[#w + 1] = 'marks'; w[#w + 1] = c.marks end
      redis.call('HSET', c.key, unpack(w))
      if c.over then redis.call('HINCRBY', c.key, 'over', text(c.over)) end
      if c.ends then
        redis.call('PEXPIREAT', c.key, text(c.ends))
      elseif c.ttl and (c.refresh or not c.exists) then
        redis.call('PEXPIRE', c.key, text(c.ttl))
      elseif not c.exists and not c.forever then
        redis.call('PEXPIRE', c.key, text(outlives))   -- came back to life by a late end: not for long
      end
    end
  end
end

-- A rate's settled use drains by `drains` each `period` ms, never below 0; holds stand apart and do not drain (protocols A5).
-- A clock that went back drains nothing. Products are kept below 2^53 by splitting the speed at the period.
local function drain(c, drains, period)
  if not c.t then c.t = at end
  if c.drained == at then return end
  c.drained = at
  if at <= c.t then return end
  local elapsed = at - c.t
  c.t = at
  if c.live <= 0 or elapsed >= math.ceil(c.live / drains) * period then
    c.live, c.rem = 0, 0
    return
  end
  local part = elapsed * (drains % period) + c.rem
  local whole = elapsed * math.floor(drains / period) + math.floor(part / period)
  if whole >= c.live then
    c.live, c.rem = 0, 0
  else
    c.live, c.rem = c.live - whole, part % period
  end
end

-- Kinds: c calendar (and lifetime), r rate, n number at once; upper case when a hard limit counts on it. A calendar's window start
-- and a rate's speed stand behind the letter: C1764547200000, R60/60000/100 (amount/period/burst).
local known_kinds = {}

local function kind_of(kind)
  local k = known_kinds[kind]
  if not k then
    local letter = string.sub(kind, 1, 1)
    local drains, period = string.match(kind, '^%a(%d+)/(%d+)/%d+$')
    k = { letter = string.lower(letter), hard = letter == string.upper(letter), drains = tonumber(drains), period = tonumber(period),
          start = string.match(kind, '^[cC](%-?%d+)$') or '-' }
    known_kinds[kind] = k
  end
  return k
end

local function drain_as(c, kind)
  -- At the speed of the limit in force, which the last reserve has left here; the hold's own may be of a limit that was changed since.
  local k = kind_of(c.speed or kind)
  drain(c, k.drains, k.period)
  c.dirty, c.t_dirty = true, true
end

-- Facts -------------------------------------------------------------------------------------------------------------------------

local MOST_FACTS = 10000   -- beyond it thresholds stay untold until there is room; the counters lose nothing
local told = 0

local function tell(fact)
  if redis.call('LLEN', KEYS[3]) >= MOST_FACTS then return false end
  redis.call('RPUSH', KEYS[3], fact)
  told = told + 1
  return true
end

-- What counts as used: settled here and elsewhere. Never below 0: a seed of corrections may be here before what they correct is charged,
-- and room that this would make is not there.
local function used_of(c, letter) return letter == 'n' and 0 or math.max(0, c.live + c.seed) end

-- Levels: "token=level;token=level"; a token names node, limit and share and is told once per counter.
local known_levels = {}

local function levels_of(levels)
  local list = known_levels[levels]
  if not list then
    list = { lowest = math.huge }
    for token, level in string.gmatch(levels, '([^=;]+)=(%d+)') do
      list[#list + 1] = { token = token, text = level, at = tonumber(level) }
      list.lowest = math.min(list.lowest, tonumber(level))
    end
    known_levels[levels] = list
  end
  return list
end

local pending = {}
local function cross(c, start, levels)
  local list, used = levels_of(levels), used_of(c)
  if used < list.lowest then return end
  c.marks = c.marks or redis.call('HGET', c.key, 'marks') or ''
  for _, level in ipairs(list) do
    local token = level.token
    if used >= level.at and not string.find(' ' .. c.marks .. ' ', ' ' .. token .. ' ', 1, true) and not pending[c.key .. token] then
      pending[c.key .. token] = { c, token, 't ' .. text(at) .. ' ' .. string.sub(c.key, -32) .. ' ' .. start .. ' ' .. token .. ' ' .. level.text .. ' ' .. text(used) }
      pending[#pending + 1] = pending[c.key .. token]
    end
  end
end

local reports = {}
local function tell_all()
  for _, crossing in ipairs(pending) do
    if tell(crossing[3]) then
      local c = crossing[1]
      c.marks = c.marks == '' and crossing[2] or c.marks .. ' ' .. crossing[2]
      c.dirty, c.marks_dirty = true, true
    end
  end
  for _, report in ipairs(reports) do tell(report) end
end

-- Use ---------------------------------------------------------------------------------------------------------------------------

-- Adds whole units and billionths to a calendar's settled use, carrying; answers the whole units added.
local function add_live(c, whole, frac)
  if frac > 0 then
    c.frac = c.frac + frac
    c.frac_dirty = true
    if c.frac >= 1000000000 then
      c.frac = c.frac - 1000000000
      whole = whole + 1
    end
  end
  c.live = math.max(0, c.live + whole)
  c.dirty = true
  return whole
end

-- Use that no hold covered: counted apart where a limit is hard, and told with the request's id (protocols A1).
local function add_over(c, k, rid, units)
  if units <= 0 or not k.hard or k.letter == 'n' then return end
  c.over = (c.over or 0) + units
  reports[#reports + 1] = 'o ' .. text(at) .. ' ' .. string.sub(c.key, -32) .. ' ' .. k.start .. ' ' .. rid .. ' ' .. text(units)
end

-- A counter that is written for the first time goes when its window has ended; infinite: never.
local function keep_until(c, ends)
  if ends == math.huge then c.forever = true elseif not c.exists then c.ends = ends end
end

-- Holds -------------------------------------------------------------------------------------------------------------------------

-- Counters of holds, as the call lists them: one call's holds mostly have the same.
local sets = {}

-- The hold at a key; its state is nil when there is none. Reads the number of the set that is its counters. `reread` when they are not those
-- that the hold stores: no script touches a key that was not declared.
local function load_hold(key)
  local h = redis.call('HMGET', key, 'state', 'counters', 'quantities', 'kinds', 'levels')
  local set = sets[num()]
  return { key = key, set = set, state = h[1], quantities = h[3] and unpacked(h[3]), kinds = h[4], levels = h[5] and split(h[5]),
           reread = h[1] and h[2] ~= set.names }
end

-- What only some ops need of a hold.
local function field(hold, name) return redis.call('HGET', hold.key, name) end

-- The counters of a hold, each with its kind.
local function parts_of(hold)
  local parts = hold.set[hold.kinds]
  if not parts then
    parts = {}
    for i, kind in ipairs(split(hold.kinds)) do
      local k = kind_of(kind)
      parts[i] = { c = counter(hold.set.keys[i], k.letter), k = k, kind = kind, letter = k.letter }
    end
    hold.set[hold.kinds] = parts
  end
  return parts
end

-- What is left of a reaped hold's provisional charge. On a rate it has drained since, and what drained is not given back: others may have
-- used the room (protocols A5).
local function left_of(part, quantity, hold)
  local c, k = part.c, part.k
  if k.letter == 'n' then return 0 end
  if k.letter == 'c' then return quantity end
  hold.reaped_at = hold.reaped_at or tonumber(field(hold, 'reaped')) or at
  local elapsed, left = math.max(0, at - hold.reaped_at), quantity
  for _, speed in ipairs({ part.kind, c.speed or part.kind }) do   -- the faster of the hold's limit and the one in force
    local it = kind_of(speed)
    left = math.min(left, quantity - elapsed * math.floor(it.drains / it.period) - math.ceil(elapsed * (it.drains % it.period) / it.period))
  end
  return math.max(0, left)
end

-- Takes a hold's quantity back: from what is held, or, once reaped, what is left of the provisional charge.
local function take_back(part, quantity, hold)
  local c = part.c
  if part.letter == 'r' then drain_as(c, part.kind) end
  if hold.state == 'held' then c.held = math.max(0, c.held - quantity)
  else c.live = math.max(0, c.live - left_of(part, quantity, hold)) end
  c.dirty = true
end

-- When holds are due; false for those that have ended. Written at the end, all at once.
local due = {}

local function write_due()
  local added, ended = { 'ZADD', KEYS[2] }, { 'ZREM', KEYS[2] }
  for rid, deadline in pairs(due) do
    if deadline then
      added[#added + 1] = text(deadline)
      added[#added + 1] = rid
    else
      ended[#ended + 1] = rid
    end
  end
  if #added > 2 then redis.call(unpack(added)) end
  if #ended > 2 then redis.call(unpack(ended)) end
end

local ops = {}
