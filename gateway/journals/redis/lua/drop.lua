-- Removes those of some exchanges that lie in a partition, and what hangs on them. A session goes with the last of its
-- exchanges, and what is known of a person with the last of their sessions. What is damaged goes alone.
--
-- KEYS: how the names of the partition's keys begin. ARGV: exchanges...
local prefix = KEYS[1]
local indexes = { step = 'learnt', feedback = 'given' }

local function remove_hanging(record)
  for _, field in ipairs(redis.call('HKEYS', record)) do
    local kind, member = string.match(field, '^(%a+):(.+)$')
    if indexes[kind] then
      redis.call('UNLINK', prefix .. field)
      redis.call('ZREM', prefix .. indexes[kind], member)
    end
  end
end

local function leave_session(who, session, id)
  local of_session = who .. ':' .. session
  redis.call('ZREM', prefix .. 'talk:' .. of_session, id)
  if redis.call('EXISTS', prefix .. 'talk:' .. of_session) == 0 then
    redis.call('UNLINK', prefix .. 'session:' .. of_session)
    redis.call('ZREM', prefix .. 'sessions:' .. who, session)
  end
  if redis.call('EXISTS', prefix .. 'sessions:' .. who) == 0 then
    redis.call('UNLINK', prefix .. 'openings:' .. who)
    redis.call('HDEL', prefix .. 'persons', who)
  end
end

for _, id in ipairs(ARGV) do
  local record = prefix .. 'exchange:' .. id
  local about = redis.pcall('HMGET', record, 'who', 'session') -- an error where it is no record
  if about[1] and about[2] then
    remove_hanging(record)
    leave_session(about[1], about[2], id)
    redis.call('HDEL', prefix .. 'dead', id)
  end
  redis.call('UNLINK', record)
end
