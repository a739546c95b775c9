-- counters.lua: what the scripts that touch counters share; put in front of each of them.
--
-- A counter is a hash: live (settled use), frac (billionths of a unit still to carry), seed (use counted elsewhere), held (open
-- holds); a rate's counter also has t (milliseconds of the last drain) and rem (the remainder of that drain).
-- Every number is an integer below 2^53 and leaves as '%.0f' text, because Lua prints only 14 digits.

local function text(n) return string.format('%.0f', n) end

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- A rate's settled use drains by `amount` each `period` ms, never below 0; holds stand apart and do not drain.
-- A clock that went back drains nothing.
local function drain(key, amount, period, now)
  local c = redis.call('HMGET', key, 'live', 't', 'rem')
  local live, t, rem = tonumber(c[1]) or 0, tonumber(c[2]) or now, tonumber(c[3]) or 0
  if live <= 0 then
    redis.call('HSET', key, 'live', '0', 't', text(math.max(now, t)), 'rem', '0')
    return 0
  end
  if now <= t then return live end
  local elapsed = now - t
  if elapsed >= math.ceil(live / amount) * period then
    live, rem = 0, 0
  else
    local drained = elapsed * amount + rem
    local whole = math.floor(drained / period)
    rem = drained - whole * period
    live = live - whole
    if live <= 0 then live, rem = 0, 0 end
  end
  redis.call('HSET', key, 'live', text(live), 't', text(now), 'rem', text(rem))
  return live
end

-- Adds whole units and billionths to settled use, carrying; answers the whole units that were added.
local function add_live(key, whole, frac)
  if frac ~= 0 then
    local f = tonumber(redis.call('HINCRBY', key, 'frac', text(frac)))
    if f >= 1000000000 then
      redis.call('HINCRBY', key, 'frac', '-1000000000')
      whole = whole + 1
    end
  end
  if whole ~= 0 then redis.call('HINCRBY', key, 'live', text(whole)) end
  return whole
end

local function split(s)
  local out = {}
  for word in string.gmatch(s or '', '%S+') do out[#out + 1] = word end
  return out
end

-- 'rate:60/60000' or 'calendar' → amount, period (nil for calendar)
local function rate_of(kind)
  local amount, period = string.match(kind, '^rate:(%d+)/(%d+)$')
  return tonumber(amount), tonumber(period)
end

-- The hold at KEYS[1]: nil when there is none; its counters must be KEYS[3..] in the stored order, else `reread` is true:
-- no script touches a key that was not declared.
local function load_hold()
  local h = redis.call('HMGET', KEYS[1], 'state', 'keys', 'quantities', 'kinds', 'deadline', 'reply')
  if not h[1] then return nil end
  local hold = { state = h[1], keys = split(h[2]), quantities = split(h[3]), kinds = split(h[4]),
                 deadline = tonumber(h[5]) or 0, reply = h[6], reread = false }
  if #hold.keys ~= #KEYS - 2 then hold.reread = true end
  for i, key in ipairs(hold.keys) do
    if key ~= KEYS[i + 2] then hold.reread = true end
  end
  return hold
end
