-- Draws so many places in the order of learning, and answers with the last of them. What is no number makes way for one
-- that is larger than any that was drawn: the time.
--
-- KEYS: steps. ARGV: how many.
local last = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(last) == 'number' then
  return last
end
local time = redis.call('TIME')
redis.call('SET', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return redis.call('INCRBY', KEYS[1], ARGV[1])
