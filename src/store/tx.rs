//! A transaction as the nouns see it: statements in, rows out.

use super::StoreError;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};
use std::cell::RefCell;
use std::str::FromStr;

/// A transaction under way. It lives as long as the closure it is given to, and ends with it.
///
/// Placeholders are `$1`, `$2`, …, numbered in the order of their first use, and may repeat.
/// Statements are prepared once per connection and kept.
pub struct Tx<'c> {
    connection: &'c Connection,
    /// The applications whose events were recorded.
    events: RefCell<Vec<i64>>,
    late: RefCell<Vec<Late>>,
}

/// Work that is left to the end of a transaction.
type Late = Box<dyn FnOnce(&Tx<'_>) -> Result<(), StoreError>>;

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection) -> Tx<'c> {
        Tx { connection, events: RefCell::default(), late: RefCell::default() }
    }

    /// Remembers to tell the application's readers when the transaction is durable.
    pub(super) fn note_event(&self, application: i64) {
        let mut events = self.events.borrow_mut();
        if !events.contains(&application) {
            events.push(application);
        }
    }

    /// The applications that [`Tx::note_event`] was told of. Some of their events may have been undone.
    pub(super) fn into_events(self) -> Vec<i64> {
        self.events.into_inner()
    }

    /// Leaves work to the end of the transaction, just before it is committed. It is done in the order in which it was
    /// left, together with that of the other closures of the transaction, and not at all if this closure fails.
    ///
    /// It must not fail of its own accord, as that would undo the whole transaction, of others too.
    pub(super) fn before_commit(&self, work: impl FnOnce(&Tx<'_>) -> Result<(), StoreError> + 'static) {
        self.late.borrow_mut().push(Box::new(work));
    }

    /// How much work is left.
    pub(super) fn left(&self) -> usize {
        self.late.borrow().len()
    }

    /// Forgets what was left after the first `kept`.
    pub(super) fn forget(&self, kept: usize) {
        self.late.borrow_mut().truncate(kept);
    }

    /// Does the work that was left.
    pub(super) fn finish(&self) -> Result<(), StoreError> {
        let late = self.late.take();
        late.into_iter().try_for_each(|work| work(self))
    }

    /// Every row that `sql` gives, each turned into a value by `read`, in the order of the statement.
    pub fn query<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.bind(sql, params)?;
        let mut rows = statement.raw_query();
        let mut values = Vec::new();
        while let Some(row) = rows.next()? {
            values.push(read(&Row { row })?);
        }
        Ok(values)
    }

    /// The first row that `sql` gives, if it gives one. For statements that only read.
    pub fn query_opt<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.bind(sql, params)?;
        let mut rows = statement.raw_query();
        match rows.next()? {
            Some(row) => read(&Row { row }).map(Some),
            None => Ok(None),
        }
    }

    /// Runs a statement that gives no rows and returns how many rows it changed.
    pub fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<usize, StoreError> {
        Ok(self.bind(sql, params)?.raw_execute()?)
    }

    /// Runs an `INSERT` of one row into a table that numbers its rows, and returns the new row's id.
    ///
    /// The statement does not say how the id comes back, since engines differ: `RETURNING id` would nearly
    /// double what an insert costs in SQLite, which knows the id anyway.
    pub fn insert(&self, sql: &str, params: &[Param<'_>]) -> Result<i64, StoreError> {
        self.execute(sql, params)?;
        Ok(self.connection.last_insert_rowid())
    }

    fn bind(&self, sql: &str, params: &[Param<'_>]) -> Result<CachedStatement<'c>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        if statement.parameter_count() != params.len() {
            let (wanted, given) = (statement.parameter_count(), params.len());
            return Err(StoreError::Engine(format!("{wanted} parameters are wanted and {given} given by: {sql}")));
        }
        for (n, param) in params.iter().enumerate() {
            // SQLite takes `$2` for a name and numbers names by first use.
            debug_assert_eq!(statement.parameter_name(n + 1), Some(format!("${}", n + 1).as_str()), "{sql}");
            statement.raw_bind_parameter(n + 1, param)?;
        }
        Ok(statement)
    }
}

/// A value for a placeholder. `From` makes one of integers, booleans, text, bytes and options of them.
#[derive(Clone, Copy, Debug)]
pub enum Param<'a> {
    /// No value.
    Null,
    /// A 64-bit integer; booleans are 0 and 1.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Param::Integer(value)
    }
}

impl From<bool> for Param<'_> {
    fn from(value: bool) -> Self {
        Param::Integer(value.into())
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Param::Text(value)
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Self {
        Param::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Param::Blob(value)
    }
}

impl<'a, V: Into<Param<'a>>> From<Option<V>> for Param<'a> {
    fn from(value: Option<V>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Param::Null => ValueRef::Null,
            Param::Integer(value) => ValueRef::Integer(value),
            Param::Text(value) => ValueRef::Text(value.as_bytes()),
            Param::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// One row of a result. Columns are numbered from 0; a column of another type is [`StoreError::Engine`].
pub struct Row<'r> {
    row: &'r rusqlite::Row<'r>,
}

impl Row<'_> {
    /// An integer.
    pub fn i64(&self, column: usize) -> Result<i64, StoreError> {
        Ok(self.row.get(column)?)
    }

    /// An integer, or nothing.
    pub fn opt_i64(&self, column: usize) -> Result<Option<i64>, StoreError> {
        Ok(self.row.get(column)?)
    }

    /// Text, copied out of the row.
    pub fn text(&self, column: usize) -> Result<String, StoreError> {
        Ok(self.row.get(column)?)
    }

    /// Text copied out of the row, or nothing.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        Ok(self.row.get(column)?)
    }

    /// Bytes, copied out of the row.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        Ok(self.row.get(column)?)
    }

    /// A boolean, kept as 0 or 1.
    pub fn bool(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.row.get(column)?)
    }

    /// Text that is one of a few words, such as a channel's type.
    pub fn word<W: FromStr<Err = StoreError>>(&self, column: usize) -> Result<W, StoreError> {
        match self.row.get_ref(column)? {
            ValueRef::Text(text) => String::from_utf8_lossy(text).parse(),
            other => Err(StoreError::Engine(format!("a word was expected and {} found", other.data_type()))),
        }
    }
}

/// Declares an enum that a column keeps as one of a few words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$meaning])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word, as the database and the wire have it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::store::StoreError;

            fn from_str(word: &str) -> Result<$name, $crate::store::StoreError> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::store::StoreError::Engine(format!("{word:?} is not a {}", stringify!($name)))),
                }
            }
        }

        impl From<$name> for $crate::store::Param<'_> {
            fn from(value: $name) -> Self {
                $crate::store::Param::Text(value.as_str())
            }
        }
    };
}
pub(super) use words;
