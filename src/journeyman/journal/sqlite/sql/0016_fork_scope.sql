-- Forks, and messages of the assistant that a caller writes, need the scope `fork`. Keys that could do both keep it.

UPDATE api_keys
SET data = CAST(json_insert(CAST(data AS TEXT), '$.scopes[#]', 'fork') AS BLOB)
WHERE EXISTS (SELECT 1 FROM json_each(CAST(data AS TEXT), '$.scopes') WHERE value = 'run')
  AND NOT EXISTS (SELECT 1 FROM json_each(CAST(data AS TEXT), '$.scopes') WHERE value = 'fork');
