-- Moderators and invites have the shape of members: a channel, a user, and since when. Their totals are in
-- channels, beside that of the members.

ALTER TABLE channels ADD COLUMN moderators INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN invites INTEGER NOT NULL DEFAULT 0;

CREATE INDEX members_by_created_time ON members (application_id, channel_id, created_time, user_id);

-- A moderator is a member, so that this row goes before the one it points at.
CREATE TABLE moderators (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (application_id, channel_id, user_id),
    FOREIGN KEY (application_id, channel_id, user_id) REFERENCES members (application_id, channel_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX moderators_by_user ON moderators (application_id, user_id);

CREATE TABLE invites (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    PRIMARY KEY (application_id, channel_id, user_id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_user ON invites (application_id, user_id);
