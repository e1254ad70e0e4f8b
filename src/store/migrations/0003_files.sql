-- The files this server hosts. Their bytes lie in the object store under the key; a row belongs to one other row and
-- goes with it.
CREATE TABLE files (
    key TEXT PRIMARY KEY,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    user_id INTEGER,    -- the user whose display picture it is
    message_id INTEGER, -- the message that carries it
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id),
    FOREIGN KEY (application_id, message_id) REFERENCES messages (application_id, id)
) STRICT;
CREATE UNIQUE INDEX files_by_user ON files (application_id, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX files_by_message ON files (application_id, message_id) WHERE message_id IS NOT NULL;

-- Objects that no row of `files` names, and from when on they may be removed: those of files that are gone at once,
-- those of uploads under way after a day. So no object is ever unknown to the database.
CREATE TABLE file_removals (
    key TEXT PRIMARY KEY,
    due_time INTEGER NOT NULL
) STRICT;
CREATE INDEX file_removals_by_due_time ON file_removals (due_time);

ALTER TABLE users ADD COLUMN display_picture TEXT; -- a JSON object; null: one is drawn
