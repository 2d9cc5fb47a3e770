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

-- name: last_started
SELECT id FROM runs WHERE thread = ? AND started_at IS NOT NULL ORDER BY accepted_no DESC LIMIT 1

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

-- name: run_by_number
SELECT r.accepted_no, r.id, t.key, r.principal, r.agent, r.version, r.parent, r.direct, r.has_input, r.status,
    r.epoch, r.accepted_at, r.started_at, r.ended_at, r.error_code, r.error_id, r.request_id, r.trace_id,
    (SELECT max(seq) FROM events WHERE stream = r.accepted_no), r.key, r.reserved, r.lacks
FROM runs r JOIN threads t ON t.no = r.thread
WHERE r.accepted_no = ?

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
        WHERE error_code IS NOT NULL ORDER BY ended_at DESC LIMIT ?1
    )
    GROUP BY error_code, agent
) g JOIN runs r ON r.accepted_no = g.latest
ORDER BY g.last_at DESC, g.error_code, g.agent LIMIT ?2

-- name: failures_of_principal
SELECT g.error_code, g.agent, g.count, g.first_at, g.last_at, r.id, r.error_id,
    (SELECT max(seq) FROM events WHERE stream = r.accepted_no)
FROM (
    SELECT error_code, agent, count(*) AS count, min(ended_at) AS first_at, max(ended_at) AS last_at,
        max(accepted_no) AS latest
    FROM (
        SELECT error_code, agent, ended_at, accepted_no FROM runs
        WHERE error_code IS NOT NULL AND principal = ?1 ORDER BY ended_at DESC LIMIT ?2
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
    t.summary, t.unreadable
FROM streams s JOIN threads t ON t.no = s.no
WHERE s.name = ?

-- name: threads
SELECT t.no, t.key, t.principal, t.thread_id, t.created_at, t.updated_at, t.active_run, t.window_from, t.context,
    t.title, t.meta, t.erasing, (SELECT max(no) FROM messages WHERE thread = t.no), t.pinned,
    t.summary, t.unreadable
FROM streams s JOIN threads t ON t.no = s.no
WHERE s.name > ? AND s.name < ? AND t.principal = ? AND NOT t.erasing
ORDER BY s.name LIMIT ?

-- name: newest_threads
SELECT t.no, t.key, t.principal, t.thread_id, t.created_at, t.updated_at, t.active_run, t.window_from, t.context,
    t.title, t.meta, t.erasing, (SELECT max(no) FROM messages WHERE thread = t.no), t.pinned,
    t.summary, t.unreadable
FROM (
    SELECT t.no FROM streams s JOIN threads t ON t.no = s.no
    WHERE s.name >= ? AND s.name < ? AND t.principal = ? AND NOT t.erasing AND (t.updated_at, t.key) < (?, ?)
    ORDER BY t.updated_at DESC, t.key DESC LIMIT ?
) newest JOIN threads t ON t.no = newest.no
ORDER BY t.updated_at DESC, t.key DESC

-- name: add_thread
INSERT INTO threads (no, key, principal, thread_id, created_at, updated_at, active_run, window_from, context, title,
    meta, erasing, pinned, summary, unreadable)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_thread
UPDATE threads SET updated_at = ?, active_run = ?, window_from = ?, context = ?, erasing = ?, pinned = ?, summary = ?,
    unreadable = ?, title = ?
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
INSERT INTO events (stream, seq, type, v, at, data, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)

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

-- name: answered_approvals
SELECT data FROM approvals WHERE answer IS NOT NULL AND id < ? ORDER BY id DESC LIMIT ?

-- name: answered_approvals_of
SELECT data FROM approvals INDEXED BY approvals_answered WHERE answer IS NOT NULL AND principal = ? AND id < ?
ORDER BY id DESC LIMIT ?

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

-- name: tool_outputs
SELECT o.call, o.tool, o.at, o.text FROM tool_output o
WHERE o.run = (SELECT no FROM streams WHERE name = ?) ORDER BY o.at, o.call

-- name: save_output
INSERT INTO tool_output (run, call, tool, at, text) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (run, call) DO UPDATE SET tool = excluded.tool, at = excluded.at, text = excluded.text

-- name: file
SELECT id, principal, sha256, size, media_type, name, width, height, added_at, unused_since FROM files WHERE id = ?

-- name: file_with
SELECT id, principal, sha256, size, media_type, name, width, height, added_at, unused_since FROM files
WHERE principal = ? AND sha256 = ?

-- name: unused_files
SELECT id, principal, sha256, size, media_type, name, width, height, added_at, unused_since FROM files
WHERE unused_since IS NOT NULL AND unused_since < ? ORDER BY unused_since LIMIT ?

-- name: add_file
INSERT INTO files (id, principal, sha256, size, media_type, name, width, height, added_at, unused_since)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: set_unused
UPDATE files SET unused_since = ? WHERE id = ?

-- name: set_unused_if_free
UPDATE files SET unused_since = 0
WHERE id = ? AND unused_since IS NULL AND NOT EXISTS (SELECT 1 FROM file_references r WHERE r.file = files.id)

-- name: drop_file
DELETE FROM files WHERE id = ?

-- name: file_bytes
SELECT bytes FROM file_space WHERE principal = ?

-- name: bytes_of_files
SELECT coalesce(sum(bytes), 0) FROM file_space

-- name: take_file_space
INSERT INTO file_space (principal, bytes) VALUES (?, ?)
ON CONFLICT (principal) DO UPDATE SET bytes = bytes + excluded.bytes

-- name: refer_file
INSERT OR IGNORE INTO file_references (thread, file) VALUES (?, ?)

-- name: referred_files
SELECT file FROM file_references WHERE thread = ? LIMIT ?

-- name: drop_reference
DELETE FROM file_references WHERE thread = ? AND file = ?

-- name: idle_threads
SELECT key, updated_at FROM threads
WHERE NOT erasing AND substr(thread_id, 1, length(?)) = ?
    AND no NOT IN (SELECT thread FROM runs WHERE status IN ('queued', 'running', 'paused'))
ORDER BY updated_at, key LIMIT ?

-- name: count_threads
SELECT count(*) FROM threads WHERE NOT erasing

-- name: position
SELECT coalesce((SELECT value FROM meta WHERE key = 'epoch'), 0), coalesce((SELECT max(id) FROM events), 0),
    coalesce((SELECT value FROM meta WHERE key = 'changes'), 0)

-- name: count_change
INSERT INTO meta (key, value) VALUES ('changes', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value

-- name: lift_epoch
UPDATE meta SET value = max(value, ?) WHERE key = 'epoch'

-- name: kept_path
SELECT path FROM file

-- name: drop_kept_path
DELETE FROM file

-- name: keep_path
INSERT INTO file (path) VALUES (?)

-- name: epoch
SELECT value FROM meta WHERE key = 'epoch'

-- name: raise_epoch
INSERT INTO meta (key, value) VALUES ('epoch', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value

-- name: clean_epoch
SELECT max(value) FROM meta WHERE key = 'clean_epoch'

-- name: save_clean_epoch
INSERT INTO meta (key, value) VALUES ('clean_epoch', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: since_last_start
SELECT seq, type, v, at, data FROM events WHERE stream = ?1 AND seq >= (
    SELECT seq FROM events WHERE stream = ?1 AND type IN ('run_started', 'run_resumed', 'run_forked')
    ORDER BY seq DESC LIMIT 1
) ORDER BY seq

-- name: count_crash
INSERT INTO crash_counts (run, crashes) VALUES (?1, 1)
ON CONFLICT (run) DO UPDATE SET crashes = crashes + 1, blamed = (alone = ?2)

-- name: suspects
SELECT r.id, c.crashes, c.blamed FROM crash_counts c JOIN runs r ON r.accepted_no = c.run
WHERE r.status = 'running' ORDER BY c.crashes DESC, c.run DESC

-- name: no_run_alone
UPDATE crash_counts SET alone = 0 WHERE alone

-- name: run_alone
UPDATE crash_counts SET alone = ? WHERE run = ?

-- name: drop_crash_counts
DELETE FROM crash_counts

-- name: drop_crash_counts_of_ended
DELETE FROM crash_counts
WHERE run NOT IN (SELECT accepted_no FROM runs WHERE status IN ('queued', 'running', 'paused'))

-- name: drop_crash_count
DELETE FROM crash_counts WHERE run = ?

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

-- name: erase_outputs
DELETE FROM tool_output WHERE run = ?

-- name: erase_run
DELETE FROM runs WHERE accepted_no = ?

-- name: erase_thread
DELETE FROM threads WHERE no = ?

-- name: erase_stream
DELETE FROM streams WHERE no = ?

-- The following lead to runs by one index each; `{matches}` stands for the statement of that name.

-- name: matches
(:principal IS NULL OR principal = :principal) AND (:id IS NULL OR substr(id, 1, length(:id)) = :id) AND (:status IS NULL OR status = :status)
    AND (:agent IS NULL OR agent = :agent) AND (:parent IS NULL OR parent = :parent)
    AND (:thread IS NULL OR thread = (SELECT no FROM streams WHERE name = :thread))
    AND (:error_code IS NULL OR error_code = :error_code) AND (:error_id IS NULL OR error_id = :error_id)
    AND (:request_id IS NULL OR request_id = :request_id) AND (:trace_id IS NULL OR trace_id = :trace_id)
    AND (:since IS NULL OR accepted_at >= :since) AND (:until IS NULL OR accepted_at <= :until)
    AND (:tool IS NULL OR EXISTS (
        SELECT 1 FROM events WHERE stream = runs.accepted_no AND type = 'tool_call_started'
            AND json_extract(CAST(data AS TEXT), '$.tool') = :tool
    ))

-- name: scan_all
SELECT accepted_no, {matches} FROM runs
WHERE accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_by_principal
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_principal
WHERE principal = :principal
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_open
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_open
WHERE status IN ('queued', 'running', 'paused')
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_by_error_code
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_error_code
WHERE error_code = :error_code
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_by_thread
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_thread
WHERE thread = (SELECT no FROM streams WHERE name = :thread)
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_open_of_thread
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_open
WHERE thread = (SELECT no FROM streams WHERE name = :thread) AND status IN ('queued', 'running', 'paused')
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_by_parent
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_parent
WHERE parent = :parent
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_by_trace
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_trace
WHERE trace_id = :trace_id
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_by_id
SELECT accepted_no, {matches} FROM runs
WHERE accepted_no IN (
        SELECT no FROM streams WHERE name >= :id AND name < :id || char(1114111) ORDER BY name LIMIT :most
    )
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- name: scan_by_error_id
SELECT accepted_no, {matches} FROM runs INDEXED BY runs_error_id
WHERE error_id = :error_id
    AND accepted_no < :cursor ORDER BY accepted_no DESC LIMIT :most

-- The following are of `db verify`. Temporary tables of the same names hold the rows that the events make.

-- name: schema
SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type IN ('table', 'index') ORDER BY type DESC

-- name: last_event
SELECT max(id) FROM events

-- name: streams
SELECT no, name FROM streams ORDER BY no

-- name: events_of_stream
SELECT seq, type, v, at, data, checksum FROM events WHERE stream = ? ORDER BY seq

-- name: all_events
SELECT e.id, e.stream, s.name, e.seq, e.type, e.v, e.at, e.data FROM events e JOIN streams s ON s.no = e.stream
ORDER BY e.id

-- name: gaps
SELECT g.stream, s.name, g.seq, g.before, g.id > g.id_before
FROM (
    SELECT stream, seq, id, lag(seq, 1, 0) OVER (PARTITION BY stream ORDER BY seq) AS before,
        lag(id, 1, 0) OVER (PARTITION BY stream ORDER BY seq) AS id_before
    FROM events
) g LEFT JOIN streams s ON s.no = g.stream
WHERE g.seq != g.before + 1 OR g.id <= g.id_before OR s.no IS NULL

-- name: erased_streams
SELECT no FROM main.threads WHERE erasing
UNION ALL SELECT accepted_no FROM main.runs WHERE thread IN (SELECT no FROM main.threads WHERE erasing)

-- name: both_runs
SELECT r.id, r.*, t.* FROM main.runs r LEFT JOIN temp.runs t ON t.accepted_no = r.accepted_no
WHERE r.thread NOT IN (SELECT no FROM main.threads WHERE erasing)

-- name: missing_runs
SELECT id FROM temp.runs t WHERE NOT EXISTS (SELECT 1 FROM main.runs r WHERE r.accepted_no = t.accepted_no)

-- name: both_threads
SELECT r.key, r.*, t.* FROM main.threads r LEFT JOIN temp.threads t ON t.no = r.no WHERE NOT r.erasing

-- name: missing_threads
SELECT key FROM temp.threads t WHERE NOT EXISTS (SELECT 1 FROM main.threads r WHERE r.no = t.no)

-- name: both_approvals
SELECT r.id, r.*, t.* FROM main.approvals r LEFT JOIN temp.approvals t ON t.id = r.id
WHERE r.run NOT IN (
    SELECT id FROM main.runs WHERE thread IN (SELECT no FROM main.threads WHERE erasing)
)

-- name: missing_approvals
SELECT id FROM temp.approvals t WHERE NOT EXISTS (SELECT 1 FROM main.approvals r WHERE r.id = t.id)

-- name: both_contexts
SELECT r.principal, r.*, t.* FROM main.contexts r LEFT JOIN temp.contexts t ON t.principal = r.principal
WHERE r.principal NOT IN (
    SELECT substr(s.name, length('principal:') + 1) FROM events e JOIN streams s ON s.no = e.stream
    WHERE e.type = 'thread_erased'
)

-- name: both_messages
SELECT coalesce(s.key, r.thread) || ' ' || r.no, r.*, t.* FROM main.messages r
LEFT JOIN temp.messages t ON t.thread = r.thread AND t.no = r.no LEFT JOIN main.threads s ON s.no = r.thread
WHERE s.erasing IS NOT 1

-- name: missing_messages
SELECT coalesce(s.key, t.thread) || ' ' || t.no FROM temp.messages t LEFT JOIN main.threads s ON s.no = t.thread
WHERE NOT EXISTS (SELECT 1 FROM main.messages r WHERE r.thread = t.thread AND r.no = t.no)

-- name: both_pending
SELECT coalesce(s.key, r.thread), r.thread, r.stream, r.seq, t.thread, t.stream, t.seq FROM main.pending r
LEFT JOIN temp.pending t ON t.thread = r.thread AND t.stream = r.stream AND t.seq = r.seq
LEFT JOIN main.threads s ON s.no = r.thread
WHERE s.erasing IS NOT 1

-- name: both_budgets
SELECT t.day, t.budget, t.tokens, t.cost_usd, coalesce(r.tokens, 0), coalesce(r.cost_usd, 0) FROM temp.budgets t
LEFT JOIN main.budgets r ON r.day = t.day AND r.budget = t.budget
WHERE t.day >= (SELECT coalesce(min(day), 0) FROM main.budgets)

-- name: both_file_references
SELECT s.key || ' ' || r.file, r.*, t.* FROM main.file_references r JOIN main.threads s ON s.no = r.thread
LEFT JOIN temp.file_references t ON t.thread = r.thread AND t.file = r.file WHERE NOT s.erasing

-- name: missing_file_references
SELECT coalesce(s.key, t.thread) || ' ' || t.file FROM temp.file_references t
LEFT JOIN main.threads s ON s.no = t.thread
WHERE NOT EXISTS (SELECT 1 FROM main.file_references r WHERE r.thread = t.thread AND r.file = t.file)
