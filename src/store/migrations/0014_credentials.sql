-- Clients that expire, and the secret that a client had before, which stays good for a while.

ALTER TABLE credentials ADD COLUMN expires_time INTEGER; -- null: never
-- All three are null, or none is.
ALTER TABLE credentials ADD COLUMN previous_salt BLOB;
ALTER TABLE credentials ADD COLUMN previous_secret_hash BLOB;
ALTER TABLE credentials ADD COLUMN previous_expires_time INTEGER;
