-- id, record, person, last_seen, ends, and for each token: resource server, value
local id, record, person, last_seen, ends = unpack(ARGV, 1, 5)
if exists(id) then
  return 0
end
redis.call('HSET', P .. 'session:' .. id, 'record', record, 'person', person, 'last_seen', last_seen, 'ends', ends)
redis.call('ZADD', P .. 'sessions', 0, id)
redis.call('ZADD', P .. 'seen', last_seen, id)
redis.call('ZADD', P .. 'ends', ends, id)
redis.call('SADD', P .. 'person:' .. person, id)
for i = 6, #ARGV, 2 do
  redis.call('HSET', P .. 'tokens:' .. id, ARGV[i], ARGV[i + 1])
end
return 1
