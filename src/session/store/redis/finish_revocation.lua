-- number
forget_revocation(numbered(ARGV[1]))
