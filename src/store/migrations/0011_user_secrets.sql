-- The secrets of users: what programs keep for a user and no listing shows.
CREATE TABLE user_secrets (
    application_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL, -- a nonce and what it seals
    PRIMARY KEY (application_id, user_id, name),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_secrets_by_key_id ON user_secrets (key_id);
