-- The events of a list behind a place: entries of the partition's stream.
--
-- KEYS  events of the partition; the list: events of a subject, or those that revoke something
-- ARGV  the bound to begin at; how many

local entries = {}
for _, place in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, ARGV[2])) do
    local ms, seq = string.match(place, '^0*(%d+)-0*(%d+)$')
    local id = ms .. '-' .. seq
    entries[#entries + 1] = redis.call('XRANGE', KEYS[1], id, id)[1]
end
return entries
