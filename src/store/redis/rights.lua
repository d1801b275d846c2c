-- Which commands of a commit this user may not run. Found out in the middle of one, half of it would be written.
--
-- KEYS  a text that is there, and no other key: while a slot is moved, a script with one that is not is refused
--
-- Each is tried where it does nothing: on a text most are of the wrong kind. What else is wrong is not asked here.

-- Were there no text, they would do something.
if redis.pcall('GETRANGE', KEYS[1], 0, 0) == '' then
    return ''
end
local missing = {}
for _, command in ipairs({
    { 'GETRANGE', KEYS[1], 0, 0 },
    { 'HGET', KEYS[1], '' },
    { 'HEXISTS', KEYS[1], '' },
    { 'HSET', KEYS[1], '', '' },
    { 'XLEN', KEYS[1] },
    { 'XADD', KEYS[1], '*', '', '' },
    { 'ZCARD', KEYS[1] },
    { 'ZADD', KEYS[1], 0, '' },
    { 'SET', KEYS[1], '', 'NX' },
}) do
    local said = redis.pcall(unpack(command))
    local err = type(said) == 'table' and said.err or ''
    -- Redis 7.0 has no code for it, those before and after have one.
    if string.find(err, 'NOPERM') or string.find(err, "can't run this command") then
        missing[#missing + 1] = command[1]
    end
end
return table.concat(missing, ', ')
