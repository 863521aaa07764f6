-- id, resource server, version, value
local id, server, version, value = unpack(ARGV)
if not exists(id) or version_of(redis.call('HGET', P .. 'tokens:' .. id, server)) ~= version then
  return 0
end
redis.call('HSET', P .. 'tokens:' .. id, server, value)
return 1
