-- Marks versions of exchanges as learnt, takes them out of the group's queue, and trims the stream behind whoever reads
-- it slowest. LOST, and nothing, for who does not learn the partition any more.
--
-- KEYS: stream, token. ARGV: token, group, how keys of exchanges begin, then entry, exchange and version of each.
if redis.call('MGET', KEYS[2])[1] ~= ARGV[1] then
  return 'LOST'
end
for place = 4, #ARGV, 3 do
  local entry, exchange, version = ARGV[place], ARGV[3] .. ARGV[place + 1], ARGV[place + 2]
  if redis.call('TYPE', exchange).ok == 'hash' then -- what is gone stays gone
    redis.call('HSET', exchange, 'learnt', version)
  end
  redis.call('XACK', KEYS[1], ARGV[2], entry)
end

local function parts(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  return tonumber(ms), tonumber(seq)
end

local function is_before(one, other)
  local ms, seq = parts(one)
  local other_ms, other_seq = parts(other)
  return ms < other_ms or (ms == other_ms and seq < other_seq)
end

-- The first entry that a group is not done with.
local function first_needed(group)
  local about = {}
  for place = 1, #group, 2 do
    about[group[place]] = group[place + 1]
  end
  if about['pending'] > 0 then
    return redis.call('XPENDING', KEYS[1], about['name'])[2]
  end
  local ms, seq = parts(about['last-delivered-id'])
  return string.format('%.0f-%.0f', ms, seq + 1)
end

local oldest
for _, group in ipairs(redis.pcall('XINFO', 'GROUPS', KEYS[1])) do
  local first = first_needed(group)
  if not oldest or is_before(first, oldest) then
    oldest = first
  end
end
if oldest then -- none where the stream was removed meanwhile
  redis.call('XTRIM', KEYS[1], 'MINID', oldest)
end
return 'DONE'
