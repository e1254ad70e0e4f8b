-- Work that goes on after its request was answered: imports and exports.
--
-- A job runs in the process that holds its lease. The lease is renewed while that process lives, and whoever finds it
-- expired takes the job over at the progress that was committed with the work itself.
ALTER TABLE applications ADD COLUMN jobs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN running_jobs INTEGER NOT NULL DEFAULT 0; -- those without an ended_time

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id),
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    -- What it works on. No foreign key: the job stays to be seen when the channel goes.
    channel_id INTEGER, -- of an import of members
    last_id INTEGER,    -- of an export: the last row there was when it was asked for
    origin TEXT,        -- of an export: where links lead, such as https://chat.example.com
    input TEXT,         -- the object that is read; null once it has ended
    result TEXT,        -- the object that was written
    done INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    created_time INTEGER NOT NULL,
    ended_time INTEGER,
    lease_holder TEXT,
    lease_expires_time INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0 -- since it last made progress
) STRICT;
CREATE UNIQUE INDEX jobs_by_id ON jobs (application_id, id);
CREATE INDEX jobs_by_created_time ON jobs (application_id, created_time, id);
CREATE INDEX running_jobs_by_id ON jobs (application_id, id) WHERE ended_time IS NULL;
CREATE INDEX running_jobs_by_created_time ON jobs (application_id, created_time, id) WHERE ended_time IS NULL;
CREATE INDEX ended_jobs_by_id ON jobs (application_id, id) WHERE ended_time IS NOT NULL;
CREATE INDEX ended_jobs_by_created_time ON jobs (application_id, created_time, id) WHERE ended_time IS NOT NULL;

-- What was wrong with the items of an import, in the order of the file.
CREATE TABLE job_faults (
    application_id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    item INTEGER NOT NULL, -- counted from 0
    number INTEGER NOT NULL, -- of the fault within the item
    field TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (application_id, job_id, item, number),
    FOREIGN KEY (application_id, job_id) REFERENCES jobs (application_id, id)
) STRICT, WITHOUT ROWID;

-- The idempotency keys of items that were imported.
CREATE TABLE import_keys (
    application_id INTEGER NOT NULL REFERENCES applications (id),
    type TEXT NOT NULL,
    channel_id INTEGER NOT NULL, -- the channel that members were imported into; else 0
    key TEXT NOT NULL,
    PRIMARY KEY (application_id, type, channel_id, key)
) STRICT, WITHOUT ROWID;
