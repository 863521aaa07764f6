-- id or '', now, limit, the shortest and the longest pause
local id, now, limit, shortest, longest = unpack(ARGV)
local index = id == '' and P .. 'due' or P .. 'due:' .. id
local rows = {}
for _, number in ipairs(redis.call('ZRANGE', index, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)) do
  local values = redis.call('HMGET', P .. 'revocation:' .. number, 'session', 'resource_server', 'sealed', 'added')
  local session, added = values[1], tonumber(values[4])
  -- Removed before it is added again, so that this works on a full server too: revoking tokens frees memory.
  redis.call('ZREM', index, number)
  if session and added then
    local pause = math.floor((tonumber(now) - added) / 2)
    local due = string.format('%.0f', now + math.min(math.max(pause, tonumber(shortest)), tonumber(longest)))
    redis.call('ZADD', P .. 'due', due, number)
    redis.call('ZADD', P .. 'due:' .. session, due, number)
    rows[#rows + 1] = { number, session, values[2], values[3] }
  end
end
return rows
