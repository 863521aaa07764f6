-- id, resource server, version ('0' if there must be none), value, now, and of what is revoked: sealed, revoke_until (or
-- nothing)
local id, server, version, value, now, sealed, revoke_until = unpack(ARGV)
local known = version_of(redis.call('HGET', P .. 'tokens:' .. id, server)) or '0'
if not exists(id) or known ~= version then
  return 0
end
if sealed then
  revoke(id, server, sealed, revoke_until, now)
end
redis.call('HSET', P .. 'tokens:' .. id, server, value)
return 1
