-- gather.lua: an org's counters are put together anew by all gateways that may have counted on them. Each puts what it knows in parts (see
-- put.lua, `part`); when the last has said that it is done, the new epoch opens. Until then nothing else is done on it (see batch.lua).
--
-- KEYS  1 epoch hash, as in epoch.lua; its state is `gathering` meanwhile
--       2 gathering hash: generation, epoch, p:<instance> (the parts that a participant has put, or done). It stays, for its generation.
-- ARGV  1 what to do: begin · done     2 gateway instance     3 epoch id, as the core ordered it     4 its generation
--       5 begin: the participants, joined by spaces; done: how many parts this one has put
-- reply {result, epoch id, run id, this gateway's mutations, number of other gateways, parts that this gateway has put, or done}
--   begin   'gathering' from here on nothing of the epoch before counts; said again, it changes nothing
--           'open'      all are done
--           'stale'     a later one was ordered
--           'lost'      what was put so far is gone, or may be: begin another
--   done    'gathering' others are not yet
--           'open'      this was the last one
--           'lost'      not all of its parts are there: begin another

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local mine, part = 'n:' .. ARGV[2], 'p:' .. ARGV[2]
local e = redis.call('HMGET', KEYS[1], 'id', 'run', 'state')
local g = redis.call('HMGET', KEYS[2], 'generation', 'epoch', part)

local function answer(result)
  local count, names = 0, redis.call('HKEYS', KEYS[1])
  for _, name in ipairs(names) do
    if string.sub(name, 1, 2) == 'n:' and name ~= mine then count = count + 1 end
  end
  return { result, redis.call('HGET', KEYS[1], 'id') or '', run or '', redis.call('HGET', KEYS[1], mine) or '0', tostring(count), redis.call('HGET', KEYS[2], part) or '' }
end

-- A server that was started again may have forgotten parts that it had acknowledged.
local whole = e[1] == ARGV[3] and (e[3] == 'open' or (e[3] == 'gathering' and e[2] == run))

if ARGV[1] == 'done' then
  if not whole or g[2] ~= ARGV[3] then return answer('lost') end
  if e[3] == 'open' then return answer('open') end
  if g[3] ~= 'done' then
    if g[3] ~= ARGV[5] then return answer('lost') end
    redis.call('HSET', KEYS[2], part, 'done')
    redis.call('HSET', KEYS[1], 'v:' .. ARGV[2], run)
  end
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'p:' and all[i + 1] ~= 'done' then return answer('gathering') end
  end
  redis.call('HSET', KEYS[1], 'state', 'open')
  return answer('open')
end

local generation = tonumber(g[1] or '-1')
if generation > tonumber(ARGV[4]) then return answer('stale') end
if generation == tonumber(ARGV[4]) then return answer(whole and e[3] or 'lost') end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'id', ARGV[3], 'run', run, 'state', 'gathering')
redis.call('HSET', KEYS[2], 'generation', ARGV[4], 'epoch', ARGV[3])
for instance in string.gmatch(ARGV[5], '%S+') do
  redis.call('HSET', KEYS[1], 'n:' .. instance, '0', 'v:' .. instance, '')
  redis.call('HSET', KEYS[2], 'p:' .. instance, '0')
end
return answer('gathering')
