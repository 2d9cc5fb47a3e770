-- Named queries: each begins at a line `-- name: …` and is one statement.

-- name: run
SELECT r.accepted_no, r.id, t.key, r.principal, r.agent, r.version, r.parent, r.direct, r.has_input, r.status,
    r.epoch, r.accepted_at, r.started_at, r.ended_at, r.error_code, r.error_id, r.request_id, r.trace_id,
    (SELECT max(seq) FROM events WHERE stream = r.accepted_no), r.key, r.reserved, r.lacks
FROM streams s JOIN runs r ON r.accepted_no = s.no JOIN threads t ON t.no = r.thread
WHERE s.name = ?

-- name: add_run
INSERT INTO runs (accepted_no, id, thread, principal, agent, version, parent, direct, has_input, status, epoch,
    accepted_at, started_at, ended_at, error_code, error_id, request_id, trace_id, key, reserved, lacks)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_run
UPDATE runs SET status = ?, epoch = ?, accepted_at = ?, started_at = ?, ended_at = ?, error_code = ?, error_id = ?,
    lacks = ?, reserved = ?
WHERE accepted_no = ?

-- name: open_run_ids
SELECT id FROM runs WHERE status IN ('queued', 'running', 'paused') ORDER BY accepted_no

-- name: at_work_of_principal
SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'paused') AND (status != 'paused' OR lacks IS NOT NULL)
    AND parent IS NULL AND principal = ?

-- name: at_work_of_key
SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'paused') AND (status != 'paused' OR lacks IS NOT NULL)
    AND parent IS NULL AND key = ?

-- name: at_work_of_agent
SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'paused') AND (status != 'paused' OR lacks IS NOT NULL)
    AND parent IS NULL AND agent = ?

-- name: spend
INSERT INTO budgets (day, budget, tokens, cost_usd) VALUES (?, ?, ?, ?)
ON CONFLICT (day, budget) DO UPDATE SET tokens = tokens + excluded.tokens, cost_usd = cost_usd + excluded.cost_usd

-- name: drop_old_budgets
DELETE FROM budgets WHERE day < ?

-- name: used
SELECT tokens, cost_usd FROM budgets WHERE day = ? AND budget = ?

-- name: reserved
SELECT reserved FROM runs WHERE reserved IS NOT NULL

-- name: runs
SELECT r.accepted_no, r.id, t.key, r.principal, r.agent, r.version, r.parent, r.direct, r.has_input, r.status,
    r.epoch, r.accepted_at, r.started_at, r.ended_at, r.error_code, r.error_id, r.request_id, r.trace_id,
    (SELECT max(seq) FROM events WHERE stream = r.accepted_no), r.key, r.reserved, r.lacks
FROM runs r JOIN threads t ON t.no = r.thread

-- name: lacking
SELECT r.accepted_no, r.id, t.key, r.principal, r.agent, r.version, r.parent, r.direct, r.has_input, r.status,
    r.epoch, r.accepted_at, r.started_at, r.ended_at, r.error_code, r.error_id, r.request_id, r.trace_id,
    (SELECT max(seq) FROM events WHERE stream = r.accepted_no), r.key, r.reserved, r.lacks
FROM runs r INDEXED BY runs_lacks JOIN threads t ON t.no = r.thread
WHERE r.lacks IS NOT NULL AND r.accepted_no > ? ORDER BY r.accepted_no LIMIT ?

-- name: failures
SELECT g.error_code, g.agent, g.count, g.first_at, g.last_at, r.id, r.error_id,
    (SELECT max(seq) FROM events WHERE stream = r.accepted_no)
FROM (
    SELECT error_code, agent, count(*) AS count, min(ended_at) AS first_at, max(ended_at) AS last_at,
        max(accepted_no) AS latest
    FROM (
        SELECT error_code, agent, ended_at, accepted_no FROM runs
        WHERE error_code IS NOT NULL AND (?1 IS NULL OR principal = ?1) ORDER BY ended_at DESC LIMIT ?2
    )
    GROUP BY error_code, agent
) g JOIN runs r ON r.accepted_no = g.latest
ORDER BY g.last_at DESC, g.error_code, g.agent LIMIT ?3

-- name: queue
SELECT id FROM runs WHERE thread = ? AND status IN ('queued', 'running', 'paused') AND status = 'queued'
ORDER BY accepted_no

-- name: thread
SELECT t.no, t.key, t.principal, t.thread_id, t.created_at, t.updated_at, t.active_run, t.window_from, t.context,
    t.title, t.meta, t.erasing, (SELECT max(no) FROM messages WHERE thread = t.no), t.pinned,
    t.summary
FROM streams s JOIN threads t ON t.no = s.no
WHERE s.name = ?

-- name: threads
SELECT t.no, t.key, t.principal, t.thread_id, t.created_at, t.updated_at, t.active_run, t.window_from, t.context,
    t.title, t.meta, t.erasing, (SELECT max(no) FROM messages WHERE thread = t.no), t.pinned,
    t.summary
FROM streams s JOIN threads t ON t.no = s.no
WHERE s.name > ? AND s.name < ? AND t.principal = ? AND NOT t.erasing
ORDER BY s.name LIMIT ?

-- name: add_thread
INSERT INTO threads (no, key, principal, thread_id, created_at, updated_at, active_run, window_from, context, title,
    meta, erasing, pinned, summary)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_thread
UPDATE threads SET updated_at = ?, active_run = ?, window_from = ?, context = ?, erasing = ?, pinned = ?, summary = ?
WHERE no = ?

-- name: erasing
SELECT key FROM threads WHERE erasing

-- name: stream
SELECT no FROM streams WHERE name = ?

-- name: last_stream
SELECT max(no) FROM streams

-- name: add_stream
INSERT INTO streams (no, name) VALUES (?, ?)

-- name: last_seq
SELECT max(seq) FROM events WHERE stream = ?

-- name: add_event
INSERT INTO events (stream, seq, type, v, at, data) VALUES (?, ?, ?, ?, ?, ?)

-- name: entries
SELECT seq, type, v, at, data FROM events
WHERE stream = (SELECT no FROM streams WHERE name = ?) AND seq > ? ORDER BY seq LIMIT ?

-- name: add_message
INSERT INTO messages (thread, no, stream, seq) VALUES (?, ?, ?, ?)

-- name: replace_message
UPDATE messages SET seq = ? WHERE thread = ? AND stream = ? AND seq = ?

-- name: messages
SELECT m.no, s.name, m.seq, e.at, e.type, e.v, e.data
FROM messages m JOIN events e ON e.stream = m.stream AND e.seq = m.seq JOIN streams s ON s.no = m.stream
WHERE m.thread = (SELECT no FROM streams WHERE name = ?) AND m.no BETWEEN ? AND ? ORDER BY m.no

-- name: message_no
SELECT m.no FROM messages m
WHERE m.thread = (SELECT no FROM streams WHERE name = ?) AND m.stream = (SELECT no FROM streams WHERE name = ?)
    AND m.seq = ?

-- name: add_pending
INSERT INTO pending (thread, stream, seq) VALUES (?, ?, ?)

-- name: pending
SELECT s.name, p.seq FROM pending p JOIN streams s ON s.no = p.stream WHERE p.thread = ? ORDER BY p.id

-- name: replace_pending
UPDATE pending SET seq = ? WHERE thread = ? AND stream = ? AND seq = ?

-- name: drop_pending
DELETE FROM pending WHERE thread = ?

-- name: approval
SELECT data FROM approvals WHERE id = ?

-- name: open_approval_ids
SELECT id FROM approvals WHERE run = ? AND answer IS NULL ORDER BY id

-- name: approvals
SELECT data FROM approvals WHERE answer IS NULL AND id > ? AND (? IS NULL OR principal = ?) ORDER BY id LIMIT ?

-- name: approvals_of_run
SELECT data FROM approvals WHERE answer IS NULL AND id > ? AND run = ? AND (? IS NULL OR principal = ?)
ORDER BY id LIMIT ?

-- name: due_approvals
SELECT data FROM approvals WHERE answer IS NULL AND deadline IS NOT NULL ORDER BY deadline, id LIMIT ?

-- name: save_approval
INSERT INTO approvals (id, run, principal, answer, deadline, data) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET answer = excluded.answer, data = excluded.data

-- name: claim
SELECT principal, route, key, body_hash, made, expires FROM claims WHERE principal = ? AND route = ? AND key = ?

-- name: save_claim
INSERT INTO claims (principal, route, key, body_hash, made, expires) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (principal, route, key) DO UPDATE SET body_hash = excluded.body_hash, made = excluded.made,
    expires = excluded.expires

-- name: drop_expired_claims
DELETE FROM claims
WHERE (principal, route, key) IN (SELECT principal, route, key FROM claims WHERE expires <= ? ORDER BY expires LIMIT 8)

-- name: definition
SELECT data FROM definitions WHERE version = ?

-- name: add_definition
INSERT OR IGNORE INTO definitions (version, data) VALUES (?, ?)

-- name: api_key
SELECT data FROM api_keys WHERE id = ?

-- name: api_keys
SELECT data FROM api_keys ORDER BY id

-- name: save_api_key
INSERT INTO api_keys (id, data) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data

-- name: context
SELECT data FROM contexts WHERE principal = ?

-- name: save_context
INSERT INTO contexts (principal, data) VALUES (?, ?) ON CONFLICT (principal) DO UPDATE SET data = excluded.data

-- name: idle_threads
SELECT key, updated_at FROM threads
WHERE NOT erasing AND no NOT IN (SELECT thread FROM runs WHERE status IN ('queued', 'running', 'paused'))
ORDER BY updated_at, key LIMIT ?

-- name: count_threads
SELECT count(*) FROM threads WHERE NOT erasing

-- name: epoch
SELECT value FROM meta WHERE key = 'epoch'

-- name: raise_epoch
INSERT INTO meta (key, value) VALUES ('epoch', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value

-- name: runs_of_thread
SELECT accepted_no, id FROM runs WHERE thread = ? LIMIT 1

-- name: erase_events
DELETE FROM events WHERE id IN (SELECT id FROM events WHERE stream = ? LIMIT ?)

-- name: erase_messages
DELETE FROM messages WHERE thread = ? AND no IN (SELECT no FROM messages WHERE thread = ? LIMIT ?)

-- name: erase_approvals
DELETE FROM approvals WHERE run = ?

-- name: erase_claims
DELETE FROM claims WHERE made = ?

-- name: erase_claims_at
DELETE FROM claims WHERE made >= ? AND made < ?

-- name: erase_run
DELETE FROM runs WHERE accepted_no = ?

-- name: erase_thread
DELETE FROM threads WHERE no = ?

-- name: erase_stream
DELETE FROM streams WHERE no = ?
