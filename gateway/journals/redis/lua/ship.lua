-- Puts an exchange into the partition of its person, all of it or nothing: its session and the ledger, in which the
-- first note at a place stays whoever brings another; and once it has ended the record, and its place in the queue.
-- Brought again it changes nothing. An end replaces a lesser one (an answer a refusal, a later attempt an earlier one)
-- and is queued again. A key of ours that holds another type is damage, and is begun anew.
-- Answers GONE for whom nothing may come any more, else NOTED (no end), KNOWN, OLDER or NEW.
--
-- KEYS: session, sessions, persons, erased, exchange, talk, openings, stream, dead.
-- ARGV: seconds to keep it, subject, time, WHO, person, SESSION, session's name, how many notes, place and note of each;
-- of one that has ended also id, version, characters of it that say what it replaces, payload, policy,
-- 1 where it is to be learnt, how many openings to keep, openings.
local kinds = { 'hash', 'zset', 'hash', 'hash', 'hash', 'zset', 'list', 'stream', 'hash' }
local read = 0
local function argument()
  read = read + 1
  return ARGV[read]
end

local function sound(place)
  local kind = redis.call('TYPE', KEYS[place]).ok
  if kind ~= 'none' and kind ~= kinds[place] then
    redis.call('DEL', KEYS[place])
  end
  return KEYS[place]
end

local keep, subject, at = argument(), argument(), argument()
local who, person, digest, name = argument(), argument(), argument(), argument()
local tombstone = redis.call('HGET', KEYS[4], subject)
if tombstone then
  local until_when, is_out = string.match(tombstone, '^(%S+) (%S+)')
  if is_out == '1' or tonumber(at) <= tonumber(until_when) then
    return 'GONE'
  end
end

local session, sessions, persons = sound(1), sound(2), sound(3)
redis.call('HSET', session, '', name)
for _ = 1, tonumber(argument()) do
  local place, note = argument(), argument()
  redis.call('HSETNX', session, place, string.format('%08d', redis.call('HLEN', session)) .. note)
end
redis.call('ZADD', sessions, 'GT', at, digest)
redis.call('ZREMRANGEBYSCORE', sessions, '-inf', at - keep)
redis.call('HSET', persons, who, person)
for _, one in ipairs(redis.call('HRANDFIELD', persons, 2)) do -- more go than come, so that who has expired goes
  if redis.call('EXISTS', string.sub(persons, 1, -8) .. 'sessions:' .. one) == 0 then
    redis.call('HDEL', persons, one)
  end
end
for _, key in ipairs({ session, sessions, persons }) do
  redis.call('EXPIRE', key, keep)
end
if not KEYS[5] then
  return 'NOTED'
end

local exchange, talk, openings, stream = sound(5), sound(6), sound(7), sound(8)
local id, version, rank = argument(), argument(), tonumber(argument())
local function queue()
  redis.call('HSET', exchange, 'entry', redis.call('XADD', stream, '*', 'id', id, 'version', version))
  redis.call('EXPIRE', stream, keep)
end

local known, learnt, entry = unpack(redis.call('HMGET', exchange, 'version', 'learnt', 'entry'))
if known == version then
  if learnt ~= version and entry and #redis.call('XRANGE', stream, entry, entry) == 0 then
    queue() -- its place was lost, with the stream
  end
  return 'KNOWN'
end
if known and string.sub(known, 1, rank) > string.sub(version, 1, rank) then
  return 'OLDER'
end
redis.call('HSET', exchange, 'version', version, 'payload', argument(), 'policy', argument())
redis.call('HSET', exchange, 'who', who, 'session', digest, 'at', at)
if argument() == '1' then
  redis.call('HDEL', exchange, 'learnt')
  redis.call('HDEL', sound(9), id)
  queue()
else
  redis.call('HSET', exchange, 'learnt', version)
end
redis.call('ZADD', talk, at, id)
redis.call('ZREMRANGEBYSCORE', talk, '-inf', at - keep)
local most = tonumber(argument())
while read < #ARGV do
  redis.call('LPUSH', openings, argument())
  redis.call('LTRIM', openings, 0, most - 1)
end
for _, key in ipairs({ exchange, talk, openings, stream }) do
  redis.call('EXPIRE', key, keep)
end
return 'NEW'
