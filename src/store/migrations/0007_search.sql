-- The index of what messages say, one entry for each. `place` has a word for the application, the channel and the sender,
-- so that one question to the index finds what a listing with filters has, in its order. The text itself is not kept twice.
CREATE VIRTUAL TABLE message_search USING fts5 (
    place, text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO message_search (rowid, place, text)
SELECT id, 'a' || application_id || ' c' || channel_id || coalesce(' u' || user_id, ''),
    coalesce(body, json_extract(file, '$.name'), '')
FROM messages;

CREATE TABLE mentions (
    application_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    start_position INTEGER NOT NULL, -- in UTF-16 code units of the body, as is the end
    end_position INTEGER NOT NULL,
    user_id INTEGER, -- null: a channel is mentioned
    channel_id INTEGER, -- null: a user is mentioned
    PRIMARY KEY (application_id, message_id, start_position),
    FOREIGN KEY (application_id, message_id) REFERENCES messages (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_by_user ON mentions (application_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mentions_by_channel ON mentions (application_id, channel_id) WHERE channel_id IS NOT NULL;
