-- now, idle_since, limit
local now, idle_since, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local aged, known = {}, {}
local function add(index, at)
  for _, id in ipairs(redis.call('ZRANGE', P .. index, '-inf', at, 'BYSCORE', 'LIMIT', 0, limit)) do
    if not known[id] and #aged < limit then
      known[id] = true
      aged[#aged + 1] = id
    end
  end
end
add('ends', now)
add('seen', idle_since)
return aged
