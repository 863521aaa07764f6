-- id, now
local id, now = unpack(ARGV)
if not exists(id) then
  return 0
end
redis.call('HSET', P .. 'session:' .. id, 'last_seen', now)
redis.call('ZADD', P .. 'seen', now, id)
return 1
