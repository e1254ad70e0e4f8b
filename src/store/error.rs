//! What can go wrong: while a database is opened, and afterwards.

use std::path::PathBuf;

/// Why a closure over a [`Tx`](super::Tx) failed. A variant exists where a caller acts differently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The queue of writes is full. Nothing was run; the caller may try again.
    #[error("too many writes are waiting; try again in a moment")]
    Busy,
    /// The database cannot work at this time: disk full, input/output error, locked by another process.
    /// Nothing of the closure was kept.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The closure panicked and was rolled back. The panic's message is in the log.
    #[error("a transaction panicked and was rolled back; the log has the panic's message")]
    Panicked,
    /// The engine refused what the program asked of it: a defect here or a damaged file, not the caller's doing.
    #[error("the database refused a statement: {0}")]
    Engine(String),
    /// A unique constraint refused the row, because another row has the value already.
    #[error("{0} is already taken")]
    Taken(Constraint),
}

/// The unique constraints of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// A user's name within its application.
    UserName,
    /// A channel's name within its application.
    ChannelName,
    /// The set of members of a DIRECT channel within its application.
    DirectMembers,
    /// A user's membership in a channel.
    Membership,
    /// A member's moderation of a channel.
    Moderator,
    /// A user's invite to a channel.
    Invite,
    /// An application's id or key.
    ApplicationId,
    /// A credential's client id, across all applications.
    CredentialId,
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Constraint::UserName => "the user name",
            Constraint::ChannelName => "the channel name",
            Constraint::DirectMembers => "the set of direct members",
            Constraint::Membership => "the membership",
            Constraint::Moderator => "the moderation",
            Constraint::Invite => "the invite",
            Constraint::ApplicationId => "the application's id or key",
            Constraint::CredentialId => "the client id",
        })
    }
}

/// Why a database could not be opened. Each message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address names no database. It is not repeated, since it may hold a password.
    #[error("the database address is not understood; write sqlite:PATH for a file or sqlite::memory: to keep nothing")]
    Url,
    /// The address names PostgreSQL.
    #[error("PostgreSQL is not supported yet by this build; use sqlite:PATH")]
    Postgres,
    /// There is no such file, and the command would not make one.
    #[error("there is no database at {path}; check --database, or create it with `chatkitty serve` or `chatkitty app create`", path = .0.display())]
    Missing(PathBuf),
    /// Another process holds the file for itself alone.
    #[error("{path} is locked by another process for itself alone; stop that process, or close its transaction, and try again", path = .0.display())]
    Locked(PathBuf),
    /// The file or its directory refuses writing.
    #[error("{path} cannot be written; give this user write permission on the file and on its directory, where SQLite keeps two more files beside it", path = .0.display())]
    ReadOnly(PathBuf),
    /// The file is no database at all.
    #[error("{path} is not an SQLite database; choose another path, or move the file away to start afresh", path = .0.display())]
    NotADatabase(PathBuf),
    /// The file is a database that this program did not make.
    #[error("{path} is a database of another program and was left untouched; choose another path", path = .0.display())]
    Foreign(PathBuf),
    /// The file was written by a later version of this program.
    #[error("{path} has tables of version {found} and this program knows them up to version {known}; run the newer program, or restore an older copy of the file", path = .path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The number of the file's latest migration.
        found: i64,
        /// The number of the program's latest migration.
        known: i64,
    },
    /// The file is not there and cannot be made, or cannot be opened.
    #[error("{path} cannot be opened or created ({reason}); check that its directory exists and that this user may write there", path = .path.display())]
    CannotCreate {
        /// The database file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// Anything else: a full disk, a damaged file.
    #[error("{path} cannot be used ({reason}); check the disk, and restore a copy if the file is damaged", path = .path.display())]
    Unusable {
        /// The database file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
}
