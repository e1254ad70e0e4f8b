-- Administrative acts, and who did them.
--
-- No key to `applications`: what was done to an application is told after it is gone.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    client_id TEXT, -- null: the operator, at the command line
    remote_address TEXT, -- null: the command line
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    request_token TEXT, -- null: the command line
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX audit_of_application ON audit (application_id, id);

-- Rows are added and never changed.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
