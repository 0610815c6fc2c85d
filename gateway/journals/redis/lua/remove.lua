-- Removes keys of a person, and what names them elsewhere in the partition. Exchanges that began after the tombstone
-- stay, and the lists of them. Whatever is damaged is removed as well.
--
-- KEYS: what the person has. ARGV: how names of the partition's keys begin, WHO, Unix seconds of the tombstone.
-- Answers 1 for each key that was removed, 0 for each that stays.
local prefix, who, at = ARGV[1], ARGV[2], tonumber(ARGV[3])

local function is_later(record)
  local began = redis.pcall('HGET', record, 'at') -- an error where it is no record
  return type(began) == 'string' and (tonumber(began) or 0) > at
end

local leave = {
  exchange = function(id)
    redis.pcall('HDEL', prefix .. 'dead', id)
  end,
  feedback = function(member)
    redis.pcall('ZREM', prefix .. 'given', member)
    redis.pcall('SREM', prefix .. 'whose:' .. string.match(member, '[^:]*$'), who)
  end,
  step = function(member)
    redis.pcall('ZREM', prefix .. 'learnt', member)
  end,
}

local function remove(key)
  local kind, name = string.match(string.sub(key, #prefix + 1), '^(%a+):(.*)$')
  local is_list = kind == 'talk' or kind == 'sessions'
  if is_list and type(redis.pcall('ZREMRANGEBYSCORE', key, '-inf', at)) == 'number' then
    return 1 - redis.call('EXISTS', key)
  end
  if kind == 'exchange' and is_later(key) then
    return 0
  end
  if leave[kind] then
    leave[kind](name)
  end
  redis.call('UNLINK', key)
  return 1
end

local removed = {}
for place, key in ipairs(KEYS) do
  removed[place] = remove(key)
end
if redis.call('EXISTS', prefix .. 'sessions:' .. who) == 0 then
  redis.pcall('HDEL', prefix .. 'persons', who)
end
return removed
