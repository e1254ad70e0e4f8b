-- What happened, in order: written in the transaction that made it happen, and read by the live stream. Each
-- application numbers its own events without a gap, so that a reader sees from two neighbours whether it missed one.
-- Only the latest are kept. channel_id is no key to channels, as an event outlives what it tells of.
CREATE TABLE events (
    application_id INTEGER NOT NULL REFERENCES applications (id),
    id INTEGER NOT NULL,
    type TEXT NOT NULL,
    channel_id INTEGER, -- null: concerns no channel
    payload TEXT NOT NULL, -- JSON
    created_time INTEGER NOT NULL,
    PRIMARY KEY (application_id, id)
) STRICT;
