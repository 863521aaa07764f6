-- id, resource server, version
local id, server, version = unpack(ARGV)
if not exists(id) or version_of(redis.call('HGET', P .. 'tokens:' .. id, server)) ~= version then
  return 0
end
return redis.call('HDEL', P .. 'tokens:' .. id, server)
