-- Compare and swap of one text; '' stands for no key. { 1 } when it was done, { 0, what is there } when not.
--
-- KEYS  the text
-- ARGV  expected; new

local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then
    return { 0, found }
end
if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
else
    redis.call('SET', KEYS[1], ARGV[2])
end
return { 1 }
