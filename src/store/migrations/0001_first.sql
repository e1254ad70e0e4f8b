-- Every table carries application_id, and keys between tables are pairs with it: a row can only point at
-- a row of its own application. Foreign keys are checked at once, never deferred, so that a refused row
-- fails its own closure and not the commit it shares with others. Deletes are written out in code, in
-- order; the keys are the net below.
--
-- AUTOINCREMENT, because an id that was seen outside must never name another row later.

CREATE TABLE applications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    created_time INTEGER NOT NULL,
    properties TEXT NOT NULL,
    -- Totals, kept by whoever creates and deletes.
    users INTEGER NOT NULL DEFAULT 0,
    open_channels INTEGER NOT NULL DEFAULT 0,
    public_channels INTEGER NOT NULL DEFAULT 0,
    private_channels INTEGER NOT NULL DEFAULT 0,
    direct_channels INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The client id alone is the key: the token endpoint learns the application from it.
CREATE TABLE credentials (
    client_id TEXT NOT NULL PRIMARY KEY,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    salt BLOB NOT NULL,
    secret_hash BLOB NOT NULL,
    scopes TEXT, -- null: all
    created_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_of_application ON credentials (application_id);

CREATE TABLE tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    client_id TEXT NOT NULL,
    scopes TEXT, -- null: all
    expires_time INTEGER NOT NULL,
    created_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_application ON tokens (application_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_time);

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    is_guest INTEGER NOT NULL,
    status TEXT NOT NULL,
    properties TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    -- The total of the user's memberships in PRIVATE and DIRECT channels.
    restricted_channels INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX users_by_id ON users (application_id, id);
CREATE UNIQUE INDEX users_by_name ON users (application_id, name);
CREATE INDEX users_by_display_name ON users (application_id, display_name, id);
CREATE INDEX users_by_created_time ON users (application_id, created_time, id);

CREATE TABLE channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    type TEXT NOT NULL,
    name TEXT, -- null: DIRECT
    display_name TEXT, -- null: DIRECT
    creator_id INTEGER,
    properties TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    member_key TEXT, -- null: not DIRECT; else the members' ids, sorted, with commas between
    restricted INTEGER NOT NULL, -- 1: PRIVATE and DIRECT, seen by members only
    members INTEGER NOT NULL, -- total
    FOREIGN KEY (application_id, creator_id) REFERENCES users (application_id, id)
) STRICT;
CREATE UNIQUE INDEX channels_by_id ON channels (application_id, id);
CREATE UNIQUE INDEX channels_by_name ON channels (application_id, name);
CREATE UNIQUE INDEX channels_by_member_key ON channels (application_id, member_key) WHERE member_key IS NOT NULL;
CREATE INDEX channels_by_type ON channels (application_id, type, id);
CREATE INDEX channels_by_display_name ON channels (application_id, display_name, id);
CREATE INDEX channels_by_created_time ON channels (application_id, created_time, id);
CREATE INDEX channels_by_creator ON channels (application_id, creator_id) WHERE creator_id IS NOT NULL;
-- The half of every user's channels that is the same for all users, in each order a page can have.
CREATE INDEX free_channels_by_id ON channels (application_id, id) WHERE restricted = 0;
CREATE INDEX free_channels_by_name ON channels (application_id, name, id) WHERE restricted = 0;
CREATE INDEX free_channels_by_display_name ON channels (application_id, display_name, id) WHERE restricted = 0;
CREATE INDEX free_channels_by_created_time ON channels (application_id, created_time, id) WHERE restricted = 0;

CREATE TABLE members (
    application_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    restricted INTEGER NOT NULL, -- the channel's, so that a user's restricted channels are one index range
    created_time INTEGER NOT NULL,
    PRIMARY KEY (application_id, channel_id, user_id),
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (application_id, user_id, restricted, channel_id);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    channel_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    user_id INTEGER, -- null: a system message
    body TEXT,
    file TEXT, -- JSON
    group_tag TEXT,
    nested_level INTEGER NOT NULL,
    properties TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, user_id) REFERENCES users (application_id, id)
) STRICT;
CREATE UNIQUE INDEX messages_by_id ON messages (application_id, id);
CREATE INDEX messages_by_channel ON messages (application_id, channel_id, id);
CREATE INDEX messages_by_user ON messages (application_id, user_id) WHERE user_id IS NOT NULL;

CREATE TABLE threads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    channel_id INTEGER NOT NULL,
    message_id INTEGER, -- null: hangs on no message
    type TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    properties TEXT NOT NULL,
    FOREIGN KEY (application_id, channel_id) REFERENCES channels (application_id, id),
    FOREIGN KEY (application_id, message_id) REFERENCES messages (application_id, id)
) STRICT;
CREATE INDEX threads_by_channel ON threads (application_id, channel_id);
CREATE INDEX threads_by_message ON threads (application_id, message_id) WHERE message_id IS NOT NULL;
