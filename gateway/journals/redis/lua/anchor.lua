-- Lets anchors lead to a session. A strong one leads to the session of the newest exchange that left it; of a weak one
-- two sessions are enough to know, as it leads nowhere then. Brought again it changes nothing.
--
-- KEYS: erased, anchors.
-- ARGV: seconds to keep them, subject, time, id of the exchange, session's name, then `strong` or `weak` for each anchor.
local keep, subject, at, id, name = unpack(ARGV, 1, 5)
local tombstone = redis.call('HGET', KEYS[1], subject)
if tombstone then
  local until_when, is_out = string.match(tombstone, '^(%S+) (%S+)')
  if is_out == '1' or tonumber(at) <= tonumber(until_when) then
    return 'GONE'
  end
end

for place = 2, #KEYS do
  local key, is_strong = KEYS[place], ARGV[place + 4] == 'strong'
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= (is_strong and 'string' or 'set') then
    redis.call('DEL', key)
  end
  if is_strong then
    local newest = redis.call('GET', key)
    if not newest or string.match(newest, '^%S*') <= id then
      redis.call('SET', key, id .. ' ' .. name)
    end
  elseif redis.call('SCARD', key) < 2 then
    redis.call('SADD', key, name)
  end
  redis.call('EXPIRE', key, keep)
end
return 'DONE'
