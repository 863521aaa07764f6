-- a random name
--
-- Runs each command that the other scripts use, on keys of its own. Returns the first command that the user has no right to,
-- and what the server says; nothing if all work. A server that is full, or a replica, is an error.
local name = ARGV[1]
local hash, set, sorted, text = P .. 'probe:hash:' .. name, P .. 'probe:set:' .. name, P .. 'probe:sorted:' .. name,
  P .. 'probe:' .. name
local refused
local function try(...)
  local answer = redis.pcall(...)
  if not refused and type(answer) == 'table' and answer.err then
    refused = { (select(1, ...)), answer.err }
  end
  return answer
end
-- A command that needs memory comes first: a full server refuses it.
try('SET', text, name)
local kept = try('GET', text) == name
try('INCR', P .. 'probe:count:' .. name)
try('HSET', hash, 'field', name, 'other', name)
try('HGET', hash, 'field')
try('HMGET', hash, 'field')
try('HGETALL', hash)
try('HDEL', hash, 'field')
try('PEXPIREAT', hash, '9999999999999')
try('SADD', set, name)
try('SMEMBERS', set)
try('SREM', set, name)
try('ZADD', sorted, 'NX', 1, name)
try('ZCARD', sorted)
try('ZSCORE', sorted, name)
try('ZRANGE', sorted, '-inf', 1, 'BYSCORE', 'LIMIT', 0, 1)
try('ZREMRANGEBYSCORE', sorted, '-inf', 0)
try('ZREM', sorted, name)
try('EXISTS', text)
try('TIME')
-- Listeners ignore this word: it is no session id.
try('PUBLISH', P .. 'ended', 'probe')
try('DEL', text, hash, set, sorted, P .. 'probe:count:' .. name)
if refused then
  for _, words in ipairs({ 'NOPERM', "can't run this command", "can't access", "can't publish" }) do
    if string.find(refused[2], words, 1, true) then
      return refused
    end
  end
  return redis.error_reply(refused[2])
end
if not kept then
  return redis.error_reply('ERR it does not keep what is written')
end
return {}
