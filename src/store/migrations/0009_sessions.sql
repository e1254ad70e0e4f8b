-- The settings of applications, which users are connected, and which channels they are in.

ALTER TABLE applications ADD COLUMN guest_users TEXT NOT NULL DEFAULT 'ENABLED';
ALTER TABLE applications ADD COLUMN user_created_channels TEXT NOT NULL DEFAULT 'ENABLED';
-- Totals of sessions, all and those that are active.
ALTER TABLE applications ADD COLUMN user_sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN active_user_sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN chat_sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN active_chat_sessions INTEGER NOT NULL DEFAULT 0;
-- The total of the user's active sessions; the user is online while it has one.
ALTER TABLE users ADD COLUMN sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN participants INTEGER NOT NULL DEFAULT 0;

CREATE TABLE user_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    user_agent TEXT,
    node TEXT NOT NULL, -- the server that holds the connection
    seen_time INTEGER NOT NULL, -- when that server last said so
    created_time INTEGER NOT NULL,
    end_time INTEGER, -- null: active
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT;
CREATE UNIQUE INDEX user_sessions_by_id ON user_sessions (application_id, id);
CREATE INDEX user_sessions_by_created_time ON user_sessions (application_id, created_time, id);
CREATE INDEX user_sessions_by_user ON user_sessions (application_id, user_id);
CREATE INDEX active_user_sessions ON user_sessions (application_id, id) WHERE end_time IS NULL;
CREATE INDEX ended_user_sessions ON user_sessions (application_id, id) WHERE end_time IS NOT NULL;
CREATE INDEX active_user_sessions_by_node ON user_sessions (node) WHERE end_time IS NULL;
CREATE INDEX active_user_sessions_by_seen_time ON user_sessions (seen_time) WHERE end_time IS NULL;

CREATE TABLE chat_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL,
    user_session_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    end_time INTEGER, -- null: active
    FOREIGN KEY (application_id, user_session_id) REFERENCES user_sessions (application_id, id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id)
) STRICT;
CREATE UNIQUE INDEX chat_sessions_by_id ON chat_sessions (application_id, id);
CREATE INDEX chat_sessions_by_created_time ON chat_sessions (application_id, created_time, id);
CREATE INDEX chat_sessions_by_user_session ON chat_sessions (application_id, user_session_id);
CREATE INDEX chat_sessions_by_channel ON chat_sessions (application_id, channel_id);
CREATE INDEX active_chat_sessions ON chat_sessions (application_id, id) WHERE end_time IS NULL;
CREATE INDEX ended_chat_sessions ON chat_sessions (application_id, id) WHERE end_time IS NOT NULL;
-- One active chat session for each channel that a connection is in.
CREATE UNIQUE INDEX active_chat_sessions_by_channel ON chat_sessions (application_id, channel_id, user_id, user_session_id)
    WHERE end_time IS NULL;

-- Who has an active chat session in a channel, once, however many there are.
CREATE TABLE participants (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (application_id, channel_id, user_id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX participants_by_user ON participants (application_id, user_id);
