-- person
local rows = {}
for _, id in ipairs(redis.call('SMEMBERS', P .. 'person:' .. ARGV[1])) do
  rows[#rows + 1] = row(id)
end
return rows
