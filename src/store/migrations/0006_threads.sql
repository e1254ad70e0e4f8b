-- Every message lies in a thread, so the table is made anew: a column that must have a value, and a key of two
-- columns, cannot be added to one that is there.

-- There is one MAIN thread in a channel and one thread of replies to a message. Messages point at threads.
DROP INDEX threads_by_channel;
DROP INDEX threads_by_message;
ALTER TABLE threads ADD COLUMN nested_level INTEGER NOT NULL DEFAULT 0; -- of the messages in it
CREATE UNIQUE INDEX threads_by_id ON threads (application_id, id);
CREATE INDEX threads_by_channel ON threads (application_id, channel_id, type);
CREATE UNIQUE INDEX threads_main ON threads (application_id, channel_id) WHERE type = 'MAIN';
CREATE UNIQUE INDEX threads_by_message ON threads (application_id, message_id) WHERE message_id IS NOT NULL;

CREATE TABLE threaded_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    channel_id INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    user_id INTEGER, -- null: a system message
    body TEXT,
    file TEXT, -- JSON
    group_tag TEXT,
    nested_level INTEGER NOT NULL, -- the thread's
    properties TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    last_edited_time INTEGER, -- null: never edited
    replies INTEGER NOT NULL DEFAULT 0, -- total
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, thread_id) REFERENCES threads (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT;
-- Ids go on from where they were, also where the newest messages have been deleted.
INSERT INTO sqlite_sequence (name, seq) SELECT 'threaded_messages', seq FROM sqlite_sequence WHERE name = 'messages';
INSERT INTO threaded_messages (id, application_id, channel_id, thread_id, type, user_id, body, file, group_tag,
    nested_level, properties, created_time)
SELECT messages.id, messages.application_id, messages.channel_id, threads.id, messages.type, messages.user_id,
    messages.body, messages.file, messages.group_tag, 0, messages.properties, messages.created_time
FROM messages JOIN threads ON threads.application_id = messages.application_id
    AND threads.channel_id = messages.channel_id AND threads.type = 'MAIN'
ORDER BY messages.id;
DROP TABLE messages;
ALTER TABLE threaded_messages RENAME TO messages;
CREATE UNIQUE INDEX messages_by_id ON messages (application_id, id);
CREATE INDEX messages_by_channel ON messages (application_id, channel_id, id);
CREATE INDEX messages_by_thread ON messages (application_id, thread_id, id);
CREATE INDEX messages_by_user ON messages (application_id, user_id) WHERE user_id IS NOT NULL;
