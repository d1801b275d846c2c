-- Removes events from the partition and from their subjects' lists; how many were still there.
--
-- KEYS  events of the partition; then for each event: events of its subject
-- ARGV  for each event: its id

local removed = 0
for i, id in ipairs(ARGV) do
    local ms, seq = string.match(id, '^(%d+)-(%d+)$')
    redis.call('ZREM', KEYS[i + 1], string.format('%015.0f-%012.0f', ms, seq))
    removed = removed + redis.call('XDEL', KEYS[1], id)
end
return removed
