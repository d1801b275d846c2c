-- Gives one back to a budget. What it is gone from owes nothing any more.
-- KEYS: the budget. ARGV: the microseconds after which one comes back.
local owed = tonumber(redis.call('GET', KEYS[1]) or '0')
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
owed = owed - tonumber(ARGV[1])
if owed > now then
  redis.call('SET', KEYS[1], string.format('%.0f', owed), 'PX', string.format('%.0f', math.ceil((owed - now) / 1000)))
else
  redis.call('DEL', KEYS[1])
end
return '0'
