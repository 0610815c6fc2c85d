-- How much there was of a session: its name, the times of its last and its first call, and how many are on record; the
-- time of the last one stands for the first where none is. Nothing for a session that there is not, or is damaged.
--
-- KEYS: session, sessions, talk. ARGV: SESSION.
local name, last = redis.pcall('HGET', KEYS[1], ''), redis.pcall('ZSCORE', KEYS[2], ARGV[1])
if type(name) ~= 'string' or type(last) ~= 'string' then
  return false
end
local first, calls = redis.pcall('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES'), redis.pcall('ZCARD', KEYS[3])
if type(calls) ~= 'number' or calls == 0 then
  return { name, last, last, 0 }
end
return { name, last, first[2], calls }
