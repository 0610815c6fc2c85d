-- The newest sessions of many persons together, by time, then by WHO, then by SESSION, the last of this order first.
--
-- KEYS: sessions of each person. ARGV: how many, and behind which: its time, WHO and SESSION.
-- Answers a row each: WHO, SESSION, time. What is damaged has none.
local most, at, who, session = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]

local function is_before(one, other)
  if one.at ~= other.at then
    return one.at > other.at
  elseif one.who ~= other.who then
    return one.who > other.who
  end
  return one.session > other.session
end

local rows, last = {}, { at = at, who = who, session = session }
local function cut()
  table.sort(rows, is_before)
  for place = #rows, most + 1, -1 do
    rows[place] = nil
  end
end

for _, key in ipairs(KEYS) do
  local alike = redis.pcall('ZCOUNT', key, ARGV[2], ARGV[2]) -- some of them were on the page before
  if type(alike) == 'number' then
    local found = redis.call('ZREVRANGEBYSCORE', key, ARGV[2], '-inf', 'WITHSCORES', 'LIMIT', 0, most + alike)
    for place = 1, #found, 2 do
      local row = { at = tonumber(found[place + 1]), who = string.match(key, '[^:]*$'), session = found[place] }
      if is_before(last, row) then
        row.time = found[place + 1]
        rows[#rows + 1] = row
      end
    end
  end
  if #rows > 4 * most then
    cut()
  end
end
cut()

local answer = {}
for place, row in ipairs(rows) do
  answer[place] = { row.who, row.session, row.time }
end
return answer
