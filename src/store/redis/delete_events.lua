-- Removes events from the partition and from the lists they stand in; how many were still there.
--
-- KEYS  events of the partition; those that revoke something; then for each event: events of its subject
-- ARGV  for each event: its id

local removed = 0
for i, id in ipairs(ARGV) do
    local ms, seq = string.match(id, '^(%d+)-(%d+)$')
    local place = string.format('%015.0f-%012.0f', ms, seq)
    redis.call('ZREM', KEYS[2], place)
    redis.call('ZREM', KEYS[i + 2], place)
    removed = removed + redis.call('XDEL', KEYS[1], id)
end
return removed
