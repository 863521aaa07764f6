-- id, record
local id, record = unpack(ARGV)
if not exists(id) then
  return 0
end
redis.call('HSET', P .. 'session:' .. id, 'record', record)
return 1
