-- batch.lua: one call to the store for everything that an org's requests asked for while the last call was in flight. Each is decided
-- by itself, in order, exactly as if it had come alone; all of them see one time. Joined from counters.lua, one file for each kind of
-- op, and this one, which comes last.
--
-- KEYS  1 epoch hash   2 zset of deadlines   3 list of facts   then counters and holds, which ops and specs name by position
-- ARGV  1 epoch id                            2 mutations of this org that this gateway knows to be stored
--       3 gateway instance                    4 test clock offset, ms ('' in production)
--       5 ms that a counter outlives its window   6 ms that a receipt or tombstone is kept
--       7 lifetime of a hold, ms              8 ms that an unresolved reaped hold is kept
--       9 whether to look who the server is ('1'): the first call since the epoch was opened. Later ones find the script by its hash, and
--         a server that was restarted or promoted does not have it: the gateway takes that for `run`
--       10 number of specs, then eleven per spec: kind letter (c r n, upper case: a hard limit), most that may be used + held ('' = none),
--         key's position, position of the next window's key, then
--           calendar → start of the current window, start of the next, end of the next (ms; end '' = never), '',
--           rate     → amount drained per period, period in ms, ms that it is remembered, burst
--           number   → '', '', '', ''
--         whether an answer may be clamped to fit ('1'), whether the current window needs a seed ('1'), levels ("token=level;…", '' = none)
--      then number of ops, then the ops: name and arguments (see their files)
-- reply {'ok <mutations stored> <facts told> <fields of the epoch hash> <Redis's time, ms>', one text per op}; three fields, and two for every gateway
--       {'suspect <guard>'}   run: the server is not the one this epoch began on · epoch: another epoch, or none · lost: the store has
--                             forgotten mutations that it had acknowledged. Nothing was done (protocols A8).

local e = redis.call('HMGET', KEYS[1], 'id', 'run', 'state', 'n:' .. ARGV[3])
if e[1] ~= ARGV[1] or (e[3] ~= 'open' and e[3] ~= 'building ' .. ARGV[3]) then return { 'suspect epoch' } end
if (tonumber(e[4]) or 0) < tonumber(ARGV[2]) then return { 'suspect lost' } end
if ARGV[9] == '1' and e[2] and not string.find(redis.call('INFO', 'server'), e[2], 1, true) then return { 'suspect run' } end

local specs = {}
for i = 1, num() do
  local kind, cap, key, next_key, x, y, z, burst, clamps, seeds, levels = arg(), arg(), num(), num(), arg(), arg(), arg(), arg(), arg(), arg(), arg()
  local spec = { kind = kind, letter = string.lower(kind), cap = tonumber(cap), key = KEYS[key], next_key = KEYS[next_key], may_clamp = clamps == '1', needs_seed = seeds == '1', levels = levels }
  if spec.letter == 'c' then
    spec.from, spec.middle, spec.to, spec.forever = tonumber(x), tonumber(y), tonumber(z) or math.huge, z == ''
  elseif spec.letter == 'r' then
    spec.drains, spec.period, spec.remembers = tonumber(x), tonumber(y), tonumber(z)
    spec.kind = kind .. x .. '/' .. y .. '/' .. burst
  end
  specs[i] = spec
end

local reply = { '' }
for i = 1, num() do reply[i + 1] = ops[arg()](specs) end
tell_all()
write_counters()
reply[1] = 'ok ' .. text(redis.call('HINCRBY', KEYS[1], 'n:' .. ARGV[3], 1)) .. ' ' .. text(told) .. ' ' .. text(redis.call('HLEN', KEYS[1])) .. ' ' .. text(real)
return reply
