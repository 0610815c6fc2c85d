-- Takes a partition that nobody has, and answers with its token; with nothing where somebody has it.
--
-- A token is newer than all before it, also those from before a server forgot everything: it is no less than the time.
-- What stands under the keys and is neither a token nor a lease, which would expire, makes way.
-- KEYS: lease, token. ARGV: gateway, milliseconds until the lease expires.
if redis.call('PTTL', KEYS[1]) >= 0 then
  return false
end
local before = tonumber(redis.call('MGET', KEYS[2])[1] or '') or 0
local time = redis.call('TIME')
local token = string.format('%.0f', math.max(before + 1, time[1] * 1000 + math.floor(time[2] / 1000)))
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. token, 'PX', ARGV[2])
return token
