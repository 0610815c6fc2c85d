-- Puts down what a step of learning came to, and of which feedback. Where it was taken before, that is the answer, unless
-- this is to take its place.
-- LOST, and nothing, for who does not learn the partition any more, but for what no exchange taught: anybody may write
-- that; of an exchange that was removed there is no step.
-- A key of ours that holds another type is damage, and is begun anew.
--
-- KEYS: token, learnt, given, step, exchange, feedback...
-- ARGV: token, payload, exchange (empty for none), position, milliseconds to keep it, ID of the step, WHO:ID of it,
--   1 where it takes the place of itself, WHO:ID of each feedback...
if ARGV[3] ~= '' and redis.call('MGET', KEYS[1])[1] ~= ARGV[1] then
  return 'LOST'
end
if ARGV[3] ~= '' and redis.call('TYPE', KEYS[5]).ok ~= 'hash' then
  return 'GONE'
end
for place, kind in pairs({ [2] = 'zset', [3] = 'zset', [4] = 'hash' }) do
  local found = redis.call('TYPE', KEYS[place]).ok
  if found ~= 'none' and found ~= kind then
    redis.call('DEL', KEYS[place])
  end
end
local before = redis.call('HGET', KEYS[4], 'payload')
if before and ARGV[8] ~= '1' then
  return { before }
end
redis.call('HSET', KEYS[4], 'payload', ARGV[2], 'exchange', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[7])
redis.call('PEXPIRE', KEYS[4], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
local hanging = { 'step:' .. ARGV[7] }
for place = 6, #KEYS do
  if redis.call('TYPE', KEYS[place]).ok == 'hash' then -- what is gone stays gone
    redis.call('HSET', KEYS[place], 'state', 'learnt', 'step', ARGV[6])
    hanging[#hanging + 1] = 'feedback:' .. ARGV[place + 3]
  end
  redis.call('ZREM', KEYS[3], ARGV[place + 3])
end
if ARGV[3] ~= '' then
  for _, field in ipairs(hanging) do
    redis.call('HSET', KEYS[5], field, '')
  end
end
local steps = string.sub(KEYS[4], 1, -1 - #ARGV[7])
for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, 7)) do -- more go than come, so that all that expired goes
  if redis.call('EXISTS', steps .. oldest) == 0 then
    redis.call('ZREM', KEYS[2], oldest)
  end
end
return 'DONE'
