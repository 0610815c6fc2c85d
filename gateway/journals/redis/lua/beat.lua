-- Says that a gateway is there, and forgets those of whom nothing was heard for too long; answers how many there are.
-- What is no sorted set is damage, and is begun anew.
--
-- KEYS: gateways. ARGV: gateway, milliseconds after which one is forgotten.
local time = redis.call('TIME') -- the server's, so that gateways need not agree about it
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
  redis.call('DEL', KEYS[1])
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return redis.call('ZCARD', KEYS[1])
