-- Lets no anchor in a portion of all keys lead to a session any more; one that others had as well still leads nowhere.
-- Answers the cursor to go on with, 0 when there is no more, and nothing.
--
-- KEYS: how the names of the partition's keys begin, so that its node is asked.
-- ARGV: cursor, pattern of the anchors' keys, keys to look at, session's name.
local name = ARGV[4]
local portion = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
for _, key in ipairs(portion[2]) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'string' and string.match(redis.call('GET', key), '^%S* (.*)$') == name then
    redis.call('UNLINK', key)
  elseif kind == 'set' and redis.call('SREM', key, name) == 1 and redis.call('EXISTS', key) == 1 then
    redis.call('SADD', key, '') -- nobody's
  end
end
return { portion[1], {} }
