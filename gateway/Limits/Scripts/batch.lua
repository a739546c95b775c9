-- batch.lua: one call to the store for everything that an org's requests asked for while the last call was in flight. Each is decided
-- by itself, in order, exactly as if it had come alone; all of them see one time. Joined from counters.lua, one file for each kind of
-- op, and this one, which comes last.
--
-- KEYS  1 epoch hash   2 zset of deadlines   3 list of facts   then counters and holds, which numbers name by position
-- ARGV  1 epoch id   2 gateway instance   3 the numbers of the call, packed (see counters.lua):
--           1 mutations of this org that this gateway knows to be stored      2 test clock offset, ms (0 in production)
--           3 whether to look who the server is (1): the first call since the epoch was opened. Later ones find the script by its hash, and a
--             server that was restarted or promoted does not have it: the gateway takes that for `run`
--           4 ms that a counter outlives its window      5 ms that a receipt or tombstone is kept
--           6 lifetime of a hold, ms                     7 ms that an unresolved reaped hold is kept
--           8 number of specs   9 of lists   10 of sets   11 of ops
--           then per spec: position of its counter's key, and of the next window's
--           then per list (the counters of a request): how many, the number of each one's spec
--           then per set (the counters of a hold): how many, position of each in KEYS, in the order the hold stores them
--       then three per spec: kind as holds store it (a calendar's without its window's start), levels ("token=level;…", '' = none), and packed:
--           most that may be used + held (below 0 = none), whether an answer may be clamped to fit (1), whether the current window needs a
--           seed (1), then
--             calendar → start of the current window, start of the next, end of the next (ms; infinite = never)
--             rate     → amount drained per period, period in ms, ms that it is remembered
--       then the ops: name, its numbers packed, its texts (see their files: `takes` names the texts, then the numbers)
-- reply {'ok <mutations stored> <facts told> <fields of the epoch hash> <Redis's time, ms>', one text per op}; three fields, and two for every gateway
--       {'suspect <guard>'}   run: the server is not the one this epoch began on · epoch: another epoch, or none · lost: the store has
--                             forgotten mutations that it had acknowledged. Nothing was done (protocols A8).

local e = redis.call('HMGET', KEYS[1], 'id', 'run', 'state', 'n:' .. instance)
if e[1] ~= ARGV[1] or (e[3] ~= 'open' and e[3] ~= 'gathering' and e[3] ~= 'building ' .. instance) then return { 'suspect epoch' } end
if (tonumber(e[4]) or 0) < call[1] then return { 'suspect lost' } end
if call[3] == 1 and e[2] and not string.find(redis.call('INFO', 'server'), e[2], 1, true) then return { 'suspect run' } end

local specs = {}
for i = 1, call[8] do
  local kind, levels, terms = arg(), arg(), unpacked(arg())
  local spec = { kind = kind, letter = string.lower(string.sub(kind, 1, 1)), cap = terms[1] >= 0 and terms[1], may_clamp = terms[2] == 1,
                 needs_seed = terms[3] == 1, levels = levels, key = KEYS[num()], next_key = KEYS[num()] }
  if spec.letter == 'c' then
    spec.from, spec.middle, spec.to = terms[4], terms[5], terms[6]
    spec.forever = spec.to == math.huge
  elseif spec.letter == 'r' then
    spec.drains, spec.period, spec.remembers = terms[4], terms[5], terms[6]
  end
  specs[i] = spec
end
for i = 1, call[9] do
  local list = {}
  for j = 1, num() do list[j] = specs[num()] end
  lists[i] = list
end
for i = 1, call[10] do
  local keys, names = {}, {}
  for j = 1, num() do
    keys[j] = KEYS[num()]
    names[j] = string.sub(keys[j], -32)
  end
  sets[i] = { keys = keys, names = table.concat(names, ' ') }
end

if e[3] == 'gathering' and ARGV[p + 1] ~= 'part' then return { 'suspect epoch' } end

local reply = { '' }
for i = 1, call[11] do
  local op = ops[arg()]
  numbers, q = unpacked(arg()), 0
  reply[i + 1] = op()
  if is_repeat then
    for j = i + 1, call[11] do reply[j + 1] = 'put' end
    break
  end
end
tell_all()
write_counters()
write_due()
reply[1] = 'ok ' .. text(redis.call('HINCRBY', KEYS[1], 'n:' .. instance, 1)) .. ' ' .. text(told) .. ' ' .. text(redis.call('HLEN', KEYS[1])) .. ' ' .. text(real)
return reply
