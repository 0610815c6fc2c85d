-- Keeps the letter of an exchange that is on record, in place of an older one. LOST, and nothing, for who does not
-- learn the partition any more. A key of ours that holds another type is damage, and is begun anew.
--
-- KEYS: token, dead, exchange. ARGV: token, exchange, letter.
if redis.call('MGET', KEYS[1])[1] ~= ARGV[1] then
  return 'LOST'
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then
    redis.call('DEL', KEYS[2])
  end
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
end
return 'DONE'
