-- The newest exchanges of a session, newest first: the id and the payload of each, and no payload of one that is not there or not
-- ours. What is no list of exchanges lists none.
--
-- KEYS: talk. ARGV: how keys of exchanges begin, the exchange before which they were (empty for none), how many of
-- these to pass over, the most to read.
local first = tonumber(ARGV[3])
if ARGV[2] ~= '' then
  local place = redis.pcall('ZREVRANK', KEYS[1], ARGV[2])
  if type(place) ~= 'number' then
    return {}
  end
  first = first + place + 1
end
local found = redis.pcall('ZREVRANGE', KEYS[1], first, first + ARGV[4] - 1)
if found.err then
  return {}
end
for place, id in ipairs(found) do
  local payload = redis.pcall('HGET', ARGV[1] .. id, 'payload')
  found[place] = { id, type(payload) == 'string' and payload }
end
return found
