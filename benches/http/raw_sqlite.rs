//! Baseline (c): the rows of the product, written by rusqlite with nothing in between; and bulk filling.
//!
//! Both work on a database that the product made, so that tables, indices and row are the product's own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Rows that one transaction of [`Messages::fill`] adds: few enough to keep the write-ahead log small.
const FILL_BATCH: u64 = 250_000;

/// The table `messages` of a database, and the row that is written again and again.
pub(crate) struct Messages {
    connection: Connection,
    columns: String,
    row: Vec<Value>,
}

impl Messages {
    /// Opens a database in which the product has stored at least one message; the newest is the pattern for all.
    ///
    /// # Errors
    /// The file is no such database.
    pub(crate) fn open(database: &Path) -> anyhow::Result<Messages> {
        let connection = Connection::open(database).with_context(|| format!("cannot open {}", database.display()))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let names = {
            let mut statement =
                connection.prepare("SELECT name FROM pragma_table_info('messages') WHERE name <> 'id'")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        ensure!(!names.is_empty(), "the database has no table `messages`; has the schema changed its name?");
        let columns = names.join(", ");
        let row = connection
            .query_row(&format!("SELECT {columns} FROM messages ORDER BY id DESC LIMIT 1"), [], |row| {
                (0..names.len()).map(|index| row.get(index)).collect()
            })
            .context("cannot read the message that is to be the pattern")?;
        Ok(Messages { connection, columns, row })
    }

    /// Writes rows durably, `group` in each transaction, for `duration`; gives rows per second.
    ///
    /// # Errors
    /// A statement fails.
    pub(crate) fn insert_for(&mut self, duration: Duration, group: usize) -> anyhow::Result<f64> {
        let sql = format!("INSERT INTO messages ({}) VALUES ({})", self.columns, self.placeholders());
        let start = Instant::now();
        let mut rows = 0;
        while start.elapsed() < duration {
            let transaction = self.connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(&sql)?;
                for _ in 0..group {
                    statement.execute(params_from_iter(&self.row))?;
                }
            }
            transaction.commit()?;
            rows += group;
        }
        Ok(rows as f64 / start.elapsed().as_secs_f64())
    }

    /// Adds `count` rows as fast as the engine can, with no care for durability until the end.
    ///
    /// # Errors
    /// A statement fails; most likely the disk is full.
    pub(crate) fn fill(&self, count: u64) -> anyhow::Result<()> {
        self.connection.pragma_update(None, "synchronous", "OFF")?;
        let sql = format!(
            "INSERT INTO messages ({}) WITH RECURSIVE numbers(n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) SELECT {} FROM numbers",
            self.columns,
            self.placeholders()
        );
        // The recursion's bound is the first placeholder of the text, the row's values are the rest.
        let mut statement = self.connection.prepare(&sql)?;
        let mut left = count;
        while left > 0 {
            let batch = left.min(FILL_BATCH);
            let bound = Value::Integer(batch as i64);
            statement.execute(params_from_iter(std::iter::once(&bound).chain(&self.row)))?;
            left -= batch;
        }
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Gives every message a word of its own out of `words`, and enters all of them into the index of what messages say.
    ///
    /// # Errors
    /// A statement fails.
    pub(crate) fn index(&self, words: i64) -> anyhow::Result<()> {
        self.connection.pragma_update(None, "synchronous", "OFF")?;
        self.connection.execute_batch("DELETE FROM message_search")?;
        self.connection.execute("UPDATE messages SET body = body || ' word' || (id % ?1)", [words])?;
        self.connection.execute_batch(
            "INSERT INTO message_search (rowid, place, text) \
             SELECT id, 'a' || application_id || ' c' || channel_id, body FROM messages ORDER BY id",
        )?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Searches for `duration`, for one word after the other, and reads the `limit` newest messages with it; gives
    /// searches per second.
    ///
    /// # Errors
    /// A statement fails, or a word is not found.
    pub(crate) fn search_for(&self, duration: Duration, words: i64, limit: i64) -> anyhow::Result<f64> {
        let sql = format!(
            "SELECT {} FROM messages WHERE id IN (SELECT rowid FROM message_search WHERE message_search MATCH ?1 \
             ORDER BY rowid DESC LIMIT ?2) ORDER BY id DESC",
            self.columns
        );
        let channel: i64 = self.connection.query_row("SELECT min(channel_id) FROM messages", [], |row| row.get(0))?;
        let mut statement = self.connection.prepare(&sql)?;
        let start = Instant::now();
        let mut searches = 0;
        while start.elapsed() < duration {
            let question = format!("place : \"c{channel}\" AND text : \"word{}\"", searches % words);
            let mut rows = statement.query(rusqlite::params![question, limit])?;
            let mut found = 0;
            while let Some(row) = rows.next()? {
                let _: Option<String> = row.get("body")?;
                found += 1;
            }
            ensure!(found == limit, "{question} finds {found} messages");
            searches += 1;
        }
        Ok(searches as f64 / start.elapsed().as_secs_f64())
    }

    /// The smallest and the largest id.
    ///
    /// # Errors
    /// The statement fails.
    pub(crate) fn ids(&self) -> anyhow::Result<(i64, i64)> {
        Ok(self
            .connection
            .query_row("SELECT min(id), max(id) FROM messages", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    fn placeholders(&self) -> String {
        vec!["?"; self.row.len()].join(", ")
    }
}
