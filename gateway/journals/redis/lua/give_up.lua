-- Lets feedback wait no longer for its exchange; LOST, and nothing, for who does not learn the partition any more.
--
-- KEYS: token, given, feedback... ARGV: token, WHO:ID of each feedback...
if redis.call('MGET', KEYS[1])[1] ~= ARGV[1] then
  return 'LOST'
end
for place = 3, #KEYS do
  if redis.call('TYPE', KEYS[place]).ok == 'hash' then -- what is gone stays gone
    redis.call('HSET', KEYS[place], 'state', 'unmatched')
  end
  redis.call('ZREM', KEYS[2], ARGV[place - 1])
end
return 'DONE'
