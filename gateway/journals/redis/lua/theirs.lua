-- The keys of one person in a portion of all keys: those with their digest in the name, and records that name them.
-- Answers the cursor to go on with, 0 when there is no more, and the keys.
--
-- KEYS: how the names of the partition's keys begin, so that its node is asked.
-- ARGV: cursor, pattern of the partition's keys, keys to look at, WHO.
local portion = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local theirs = {}
for _, key in ipairs(portion[2]) do
  if string.find(key, ARGV[4], 1, true) or redis.pcall('HGET', key, 'who') == ARGV[4] then
    theirs[#theirs + 1] = key
  end
end
return { portion[1], theirs }
