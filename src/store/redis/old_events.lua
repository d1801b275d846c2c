-- Which of the next entries of a stream are from before a time, without their bodies.
--
-- KEYS  events of the partition
-- ARGV  the bound to begin at; the time; how many entries to look at
--
-- { id of the last entry looked at or '', id, subject, … }

local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[3])
local found = { #entries < tonumber(ARGV[3]) and '' or entries[#entries][1] }
for _, entry in ipairs(entries) do
    if tonumber(entry[2][6]) < tonumber(ARGV[2]) then
        found[#found + 1] = entry[1]
        found[#found + 1] = entry[2][2]
    end
end
return found
