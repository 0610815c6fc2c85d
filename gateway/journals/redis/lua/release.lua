-- Gives a partition up, unless somebody else has taken it.
--
-- KEYS: lease, token. ARGV: token.
if redis.call('MGET', KEYS[2])[1] == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
