-- Takes feedback, and answers with what was said before under its id, if anything was: then that stays.
-- A key of ours that holds another type is damage, and is begun anew.
--
-- KEYS: feedback, whose, given, exchange.
-- ARGV: payload, exchange, time, WHO, WHO:ID, milliseconds to keep it, 1 where it comes too late to be taken.
for place, kind in ipairs({ 'hash', 'set', 'zset' }) do
  local found = redis.call('TYPE', KEYS[place]).ok
  if found ~= 'none' and found ~= kind then
    redis.call('DEL', KEYS[place])
  end
end
local known = redis.call('HGET', KEYS[1], 'payload')
if known or ARGV[7] == '1' then
  return known
end
local at = tonumber(ARGV[3])
local newest = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
if newest and tonumber(newest) >= at then
  at = tonumber(newest) + 0.000001 -- what came later is later, whatever clocks say
end
redis.call('HSET', KEYS[1], 'payload', ARGV[1], 'exchange', ARGV[2], 'state', 'waiting')
redis.call('SADD', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[3], at, ARGV[5])
for place = 1, 3 do
  redis.call('PEXPIRE', KEYS[place], ARGV[6])
end
if redis.call('TYPE', KEYS[4]).ok == 'hash' then -- else it is not here yet
  redis.call('HSET', KEYS[4], 'feedback:' .. ARGV[5], '')
end
return false
