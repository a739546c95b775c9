-- counters.lua: what the scripts that touch counters share; put in front of each of them.
--
-- A counter is a hash: live (settled use), frac (billionths of a unit still to carry), seed (use counted elsewhere), held (open
-- holds); a rate's counter also has t (milliseconds of the last drain) and rem (the remainder of that drain).
-- Every number is an integer below 2^53 and leaves as '%d' text, because Lua itself prints only 14 digits ('%.0f' says the same and
-- takes eight times as long; a script writes a dozen of them).

local function text(n) return string.format('%d', n) end

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- A rate's settled use drains by `amount` each `period` ms, never below 0; holds stand apart and do not drain.
-- A clock that went back drains nothing. Answers what is left, the time and the remainder to store with it.
local function drain(live, t, rem, amount, period, now)
  live, t, rem = tonumber(live) or 0, tonumber(t) or now, tonumber(rem) or 0
  if live <= 0 then return 0, math.max(now, t), 0 end
  if now <= t then return live, t, rem end
  local elapsed = now - t
  if elapsed >= math.ceil(live / amount) * period then return 0, now, 0 end
  local drained = elapsed * amount + rem
  local whole = math.floor(drained / period)
  if whole >= live then return 0, now, 0 end
  return live - whole, now, drained - whole * period
end

-- Replaces `quantity` held (or, once reaped, charged) on a rate's counter by `used`.
local function end_rate(key, kind, from_held, quantity, used, now)
  local amount, period = string.match(kind, '^rate:(%d+)/(%d+)$')
  local c = redis.call('HMGET', key, 'live', 't', 'rem', 'held')
  local live, t, rem = drain(c[1], c[2], c[3], tonumber(amount), tonumber(period), now)
  local held = tonumber(c[4]) or 0
  if from_held then held = math.max(0, held - quantity) else live = live - quantity end
  redis.call('HSET', key, 'live', text(math.max(0, live + used)), 't', text(t), 'rem', text(rem), 'held', text(held))
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

-- Takes a quantity back from `held` or `live` of a calendar counter. A counter that has expired meanwhile is not left below 0.
local function take_back(key, field, quantity, ttl)
  if quantity > 0 and tonumber(redis.call('HINCRBY', key, field, text(-quantity))) < 0 then
    redis.call('HSET', key, field, '0')
    redis.call('PEXPIRE', key, ttl)
  end
end

local function split(s)
  local out = {}
  for word in string.gmatch(s or '', '%S+') do out[#out + 1] = word end
  return out
end

-- The hold at KEYS[1]: nil when there is none; its counters must be KEYS[3..] in the stored order, else `reread` is true:
-- no script touches a key that was not declared.
local function load_hold()
  local h = redis.call('HMGET', KEYS[1], 'state', 'keys', 'quantities', 'kinds', 'deadline', 'reply')
  if not h[1] then return nil end
  return { state = h[1], quantities = split(h[3]), kinds = split(h[4]), deadline = tonumber(h[5]) or 0, reply = h[6],
           reread = h[2] ~= table.concat(KEYS, ' ', 3) }
end
