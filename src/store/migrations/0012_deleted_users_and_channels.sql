-- Users and channels that are deleted and have much to be removed with them. They are gone for every reader as long as
-- they stand here; their rows follow a batch at a time, so that no other writer has to wait for all of them. Both tables
-- are empty most of the time, which is what looking into them with every read relies on.
CREATE TABLE deleted_users (
    application_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    PRIMARY KEY (application_id, user_id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE deleted_channels (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    PRIMARY KEY (application_id, channel_id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id)
) STRICT, WITHOUT ROWID;
