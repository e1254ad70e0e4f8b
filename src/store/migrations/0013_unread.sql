-- What has been read and reported, and who was where when a message was sent.
--
-- Neither unread messages nor notifications are rows. In a channel of 10,000 members every message would make 10,000 of
-- each, on as many pages of an index by user, and no other writer could go on meanwhile. A message changes two rows of
-- totals instead, its channel's and its sender's, however many members there are; what is unread is their difference,
-- and what a user was told of follows from when the user joined and was there.

-- One row for each channel that has had messages. Not in `channels`, whose rows are wide and changed seldom.
CREATE TABLE channel_totals (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    reported INTEGER NOT NULL DEFAULT 0, -- messages that somebody has reported
    PRIMARY KEY (application_id, channel_id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO channel_totals (application_id, channel_id, messages)
SELECT application_id, channel_id, count(*) FROM messages GROUP BY application_id, channel_id;

-- One row for each user who has sent or read something in a channel, member or not: who comes back goes on from there.
CREATE TABLE reader_totals (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0, -- messages of the user
    receipts INTEGER NOT NULL DEFAULT 0, -- messages that the user has a read receipt for
    -- Every message of the channel with a smaller id is the user's own or read. Where the search for unread ones ends.
    unread_from INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (application_id, channel_id, user_id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reader_totals_by_user ON reader_totals (application_id, user_id);
INSERT INTO reader_totals (application_id, channel_id, user_id, sent)
SELECT application_id, channel_id, user_id, count(*) FROM messages
WHERE user_id IS NOT NULL GROUP BY application_id, channel_id, user_id;
INSERT INTO reader_totals (application_id, channel_id, user_id, receipts)
SELECT messages.application_id, messages.channel_id, read_receipts.user_id, count(*)
FROM read_receipts JOIN messages ON messages.application_id = read_receipts.application_id
    AND messages.id = read_receipts.message_id
GROUP BY messages.application_id, messages.channel_id, read_receipts.user_id
ON CONFLICT (application_id, channel_id, user_id) DO UPDATE SET receipts = excluded.receipts;

-- The total of memberships.
ALTER TABLE applications ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
UPDATE applications SET members = (SELECT count(*) FROM members WHERE members.application_id = applications.id);

-- The newest message of the channel when the user joined. For those who are members by now it is not known any more.
ALTER TABLE members ADD COLUMN after_message INTEGER NOT NULL DEFAULT 0;

-- When a participant was in a channel, from behind one message up to another, without overlaps. A stay in which nothing
-- was sent leaves no row.
CREATE TABLE attendances (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    after_message INTEGER NOT NULL,
    upto_message INTEGER, -- null: goes on
    PRIMARY KEY (application_id, channel_id, user_id, after_message),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attendances_by_user ON attendances (application_id, user_id);
INSERT INTO attendances (application_id, channel_id, user_id, after_message)
SELECT application_id, channel_id, user_id, coalesce((SELECT max(id) FROM messages
    WHERE messages.application_id = participants.application_id
    AND messages.channel_id = participants.channel_id), 0)
FROM participants;

-- Who has reported a message.
CREATE TABLE reports (
    application_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (application_id, message_id, user_id),
    FOREIGN KEY (application_id, message_id) REFERENCES messages (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_by_user ON reports (application_id, user_id);
ALTER TABLE messages ADD COLUMN reports INTEGER NOT NULL DEFAULT 0; -- total
CREATE INDEX reported_messages ON messages (application_id, channel_id, id) WHERE reports > 0;
