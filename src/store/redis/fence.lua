-- Makes sure that a reservation's commit has happened or never will: 'held' or 'free'.
--
-- KEYS  claims of the subject that reserved
-- ARGV  claim; permit of the reservation

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
    return 'held'
end
if redis.call('HGET', KEYS[1], '.permit') == ARGV[2] then
    local number = tonumber(string.match(ARGV[2], '^%d+'))
    redis.call('HSET', KEYS[1], '.permit', string.format('%.0f -', number + 1))
end
return 'free'
