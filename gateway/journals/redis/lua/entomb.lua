-- Says in a partition until when nothing of a subject may come, unless a newer tombstone does.
-- A key of ours that holds another type is damage, and is begun anew.
--
-- KEYS: erased. ARGV: subject, Unix seconds, 1 where nothing of them may come later on either.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  redis.call('DEL', KEYS[1])
end
local before = redis.call('HGET', KEYS[1], ARGV[1])
if not before or tonumber(string.match(before, '^%S+')) <= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
end
