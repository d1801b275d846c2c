-- One commit: condition, claims, document and events, which Redis does whole or not at all. All keys are of one
-- partition. What could fail is asked before the first write, for a script that breaks off is not undone.
--
-- KEYS  document; then those that this commit touches, for a key that is not there yet stops a slot on its way:
--       subjects of the partition, for a new document; claims of the subject, with claims; events of the partition and
--       events of the subject, with events; those of the partition that revoke something, with one that does
-- ARGV  expected revision or ''; new revision; document; subject; permit or ''; number of claims;
--       each claim; then for each event: id, time, body, what it revokes or ''
--
-- 'done' or 'conflict' with the server's time in seconds behind it, 'fenced' (the permit is no longer good), or
-- { permit, place of a claim, … }: these claims are not the subject's yet, reserve them where they live and come again
-- with the permit.

-- Before the first write, and no reason to refuse one: whoever may commit need not be allowed to ask for the time.
local time = redis.pcall('TIME')
local now = time[1] and ' ' .. time[1] or ''

local claims = tonumber(ARGV[6])
local first = 7 + claims
local revoking = false
for i = first, #ARGV, 4 do
    revoking = revoking or ARGV[i + 3] ~= ''
end

local taken = 1
local function key(is_there)
    if is_there then
        taken = taken + 1
        return KEYS[taken]
    end
end
local subjects_key = key(ARGV[1] == '')
local claims_key = key(claims > 0)
local events_key = key(first <= #ARGV)
local own_events_key = key(first <= #ARGV)
local revocations_key = key(revoking)

if redis.call('GETRANGE', KEYS[1], 0, 21) ~= ARGV[1] then
    return 'conflict' .. now
end

if claims > 0 then
    local permit = redis.call('HGET', claims_key, '.permit')
    if ARGV[5] == '' then
        local missing = {}
        for i = 1, claims do
            if redis.call('HEXISTS', claims_key, ARGV[6 + i]) == 0 then
                missing[#missing + 1] = i
            end
        end
        if #missing > 0 then
            -- Whoever held the permit before cannot commit any more.
            local number = tonumber(string.match(permit or '', '^%d+')) or 0
            permit = string.format('%.0f %s', number + 1, ARGV[2])
            redis.call('HSET', claims_key, '.permit', permit)
            return { permit, unpack(missing) }
        end
    elseif permit ~= ARGV[5] then
        return 'fenced'
    end
end

if events_key then
    redis.call('XLEN', events_key)
    redis.call('ZCARD', own_events_key)
end
if revocations_key then
    redis.call('ZCARD', revocations_key)
end
if subjects_key then
    redis.call('ZADD', subjects_key, 0, ARGV[4])
end

for i = first, #ARGV, 4 do
    local revokes = ARGV[i + 3]
    local id = redis.call('XADD', events_key, '*',
        's', ARGV[4], 'i', ARGV[i], 'a', ARGV[i + 1], 'b', ARGV[i + 2], 'r', revokes)
    local ms, seq = string.match(id, '^(%d+)-(%d+)$')
    -- As wide as numbers get, so that text sorts as they do.
    local place = string.format('%015.0f-%012.0f', ms, seq)
    redis.call('ZADD', own_events_key, 0, place)
    if revokes ~= '' then
        redis.call('ZADD', revocations_key, 0, place)
    end
end
for i = 1, claims do
    redis.call('HSET', claims_key, ARGV[6 + i], '1')
end
redis.call('SET', KEYS[1], ARGV[2] .. '\n' .. ARGV[3])
return 'done' .. now
