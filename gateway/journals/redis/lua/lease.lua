-- The next exchanges to learn, in the stream's order: first those that were leased before and are not done, whoever had
-- them, then new ones. LOST, and nothing, for who does not learn the partition any more.
--
-- The group has a single consumer: who that is at a time is said by the token. So there is nothing to claim.
-- KEYS: stream, token. ARGV: token, group, how keys of exchanges begin, the most to lease.
-- Answers a row each: entry, exchange, its time, its version, its WHO, 1 where nothing came before it in its session, its
-- payload. That is missing where there is nothing to learn, because this version was learnt or there is no record; it is
-- empty where no record can be read.
if redis.call('MGET', KEYS[2])[1] ~= ARGV[1] then
  return 'LOST'
end

local function read(after, count)
  local streams = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[2], 'COUNT', count, 'STREAMS', KEYS[1], after)
  return streams and streams[1][2] or {}
end

local function is_first(id, who, session)
  local talk = string.gsub(ARGV[3], 'exchange:$', 'talk:') .. who .. ':' .. session
  return redis.pcall('ZRANGE', talk, 0, 0)[1] == id
end

local function row(entry, fields)
  if not fields then -- it was removed from the stream
    return { entry, '', '', '', '', 0, false }
  end
  local id = fields[2] -- fields are `id` and `version`, each before its value
  local record = redis.pcall('HMGET', ARGV[3] .. id, 'at', 'version', 'learnt', 'who', 'session', 'payload')
  if record.err then
    return { entry, id, '', '', '', 0, '' }
  end
  local at, version, learnt, who, session, payload = unpack(record)
  local first = who and session and is_first(id, who, session)
  return { entry, id, at or '', version or '', who or '', first and 1 or 0, version ~= learnt and payload }
end

if redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[2]).err then -- there is no such group yet
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[2], '0', 'MKSTREAM')
end
local rows = {}
for _, after in ipairs({ '0', '>' }) do
  if #rows < tonumber(ARGV[4]) then
    for _, entry in ipairs(read(after, ARGV[4] - #rows)) do
      rows[#rows + 1] = row(entry[1], entry[2])
    end
  end
end
return rows
