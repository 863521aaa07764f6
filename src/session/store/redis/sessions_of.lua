-- person, limit
local limit = tonumber(ARGV[2])
local seen, ends = {}, {}
local ids = redis.call('SMEMBERS', P .. 'person:' .. ARGV[1])
for _, id in ipairs(ids) do
  seen[id] = tonumber(redis.call('ZSCORE', P .. 'seen', id)) or 0
  ends[id] = tonumber(redis.call('ZSCORE', P .. 'ends', id)) or 0
end
table.sort(ids, function(a, b)
  if seen[a] ~= seen[b] then
    return seen[a] > seen[b]
  end
  if ends[a] ~= ends[b] then
    return ends[a] > ends[b]
  end
  return a < b
end)
local rows = {}
for _, id in ipairs(ids) do
  if #rows == limit then
    break
  end
  rows[#rows + 1] = row(id)
end
return rows
