-- id, resource server, value
local id, server, value = unpack(ARGV)
if not exists(id) then
  return 0
end
return redis.call('HSETNX', P .. 'tokens:' .. id, server, value)
