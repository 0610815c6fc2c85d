-- The payload under a key; nothing where there is none, or something that is not ours.
--
-- KEYS: the key of a hash.
local found = redis.pcall('HGET', KEYS[1], 'payload') -- an error where it is no hash
return type(found) == 'string' and found
