-- An application that is deleted is gone for everybody at once. Its rows follow a batch at a time, so that no other
-- writer has to wait for all of them.
ALTER TABLE applications ADD COLUMN deleted_time INTEGER;
CREATE INDEX deleted_applications ON applications (deleted_time) WHERE deleted_time IS NOT NULL;
