-- Takes one of a budget (GCRA, as governor counts): 0, or the microseconds until there is one.
-- KEYS: the budget. ARGV: the microseconds after which one comes back; how many there are at most.
-- The server's own time: replicas may differ in theirs.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local whole = interval * tonumber(ARGV[2])
local function owe(owed)
  redis.call('SET', KEYS[1], string.format('%.0f', owed), 'PX', string.format('%.0f', math.ceil((owed - now) / 1000)))
end

local owed = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
-- Only a clock that was set back, or a larger budget before, leaves more than a whole budget.
if owed > now + whole then
  owed = now + whole
  owe(owed)
end
local wait = owed + interval - whole - now
if wait > 0 then
  return string.format('%.0f', wait)
end
owe(owed + interval)
return '0'
