-- epoch.lua: opens an org's counters, and finds out whether they are the ones that this gateway knew.
--
-- KEYS  1 epoch hash: id, run (the server's run id when it was opened or last confirmed), state (open, building and by whom, or gathering, see gather.lua),
--         n:<instance> (mutations each gateway made), v:<instance> (the run id under which it last found all of its own)
-- ARGV  1 what to do: open · adopt · build · ready     2 gateway instance     3 epoch id: the one known ('' = none), or the new one to build
--       4 mutations this gateway knows to be stored     5 for build: the epoch that was there when it was decided ('' = none);
--         for open: what becomes of a store that has none: '' = one is made, `ask` = nothing, else the id of the one to make
-- reply {result, epoch id, run id, this gateway's mutations, number of other gateways, those that have not found all of their own under this run id}
--   open    'open'     it is the known epoch (or the first this gateway hears of: adopted, or made when there was none)
--           'joined'   others count here already: asked again, it is open, but not before they had time to notice
--           'waits'    the server was restarted; this gateway found all of its mutations, others have still to say so
--           'lost'     the known epoch is not there, or mutations are missing: it must be rebuilt
--           'building' another gateway rebuilds it
--           'gathering' all gateways put together what they know
--           'none'     there is none, and none is made
--   adopt   'open'     a person has decided that the counters are right as they are: gateways that have not confirmed the server are
--                      forgotten; 'lost' when there is no epoch
--   build   'building' a new epoch, closed to everybody; 'lost' when somebody else has opened another meanwhile
--   ready   'open'     the epoch that is being built is opened; 'lost' when it is not there any more

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local mine, seen = 'n:' .. ARGV[2], 'v:' .. ARGV[2]

local function others()
  local count, waiting, names = 0, {}, redis.call('HGETALL', KEYS[1])
  local fields = {}
  for i = 1, #names, 2 do fields[names[i]] = names[i + 1] end
  for name in pairs(fields) do
    if string.sub(name, 1, 2) == 'n:' then
      if name ~= mine then count = count + 1 end
      if fields['v:' .. string.sub(name, 3)] ~= run then waiting[#waiting + 1] = string.sub(name, 3) end
    end
  end
  return count, waiting
end

local function answer(result)
  local e = redis.call('HMGET', KEYS[1], 'id', mine)
  local count, waiting = others()
  return { result, e[1] or '', run or '', e[2] or '0', tostring(count), table.concat(waiting, ' ') }
end

if ARGV[1] == 'build' then
  if redis.call('HGET', KEYS[1], 'state') == 'gathering' then return answer('lost') end
  if (redis.call('HGET', KEYS[1], 'id') or '') ~= ARGV[5] then return answer('lost') end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', ARGV[3], 'run', run, 'state', 'building ' .. ARGV[2], mine, '0', seen, run)
  return answer('building')
end

local e = redis.call('HMGET', KEYS[1], 'id', 'run', 'state', mine)
if ARGV[1] == 'ready' then
  if e[1] ~= ARGV[3] then return answer('lost') end
  redis.call('HSET', KEYS[1], 'state', 'open')
  return answer('open')
end

if ARGV[1] == 'adopt' then
  if not e[1] or e[3] == 'gathering' then return answer('lost') end
  local names = redis.call('HKEYS', KEYS[1])
  for _, name in ipairs(names) do
    local other = string.match(name, '^n:(.+)$')
    if other and other ~= ARGV[2] and redis.call('HGET', KEYS[1], 'v:' .. other) ~= run then redis.call('HDEL', KEYS[1], name, 'v:' .. other) end
  end
  redis.call('HSET', KEYS[1], 'run', run, 'state', 'open', mine, e[4] or '0', seen, run)
  return answer('open')
end

if not e[1] then
  if ARGV[3] ~= '' then return answer('lost') end
  if ARGV[5] == 'ask' then return answer('none') end
  local id = ARGV[5] ~= '' and ARGV[5] or string.sub(redis.sha1hex(ARGV[2] .. run .. table.concat(redis.call('TIME'))), 1, 16)
  redis.call('HSET', KEYS[1], 'id', id, 'run', run, 'state', 'open', mine, '0', seen, run)
  return answer('open')
end
if e[3] == 'gathering' then return answer('gathering') end
if e[3] ~= 'open' and e[3] ~= 'building ' .. ARGV[2] then return answer('building') end
if e[3] ~= 'open' then return answer('lost') end   -- this gateway was stopped while it rebuilt: once more
if ARGV[3] ~= '' and (ARGV[3] ~= e[1] or (tonumber(e[4]) or 0) < tonumber(ARGV[4])) then return answer('lost') end
redis.call('HSET', KEYS[1], mine, e[4] or '0', seen, run)
if not e[4] and others() > 0 then return answer('joined') end
if e[2] ~= run then
  local _, waiting = others()
  if #waiting > 0 then return answer('waits') end
  redis.call('HSET', KEYS[1], 'run', run)
end
return answer('open')
