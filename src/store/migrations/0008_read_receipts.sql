-- Who has read a message, and when. The keys go with the message and with the user.
CREATE TABLE read_receipts (
    application_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (application_id, message_id, user_id),
    FOREIGN KEY (application_id, message_id) REFERENCES messages (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX read_receipts_by_created_time ON read_receipts (application_id, message_id, created_time, user_id);
CREATE INDEX read_receipts_by_user ON read_receipts (application_id, user_id);
ALTER TABLE messages ADD COLUMN read_receipts INTEGER NOT NULL DEFAULT 0; -- total
