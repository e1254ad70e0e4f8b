//! `chatkitty app …`: works on the database, while a server runs on it or not.

use super::{block_on, keep_to_oneself, print};
use crate::auth::{Secret, known_scopes, now, random};
use crate::server::create_credentials;
use crate::store::audit::{Act, Outcome};
use crate::store::credentials::{self, HashedSecret};
use crate::store::{Store, StoreError, Tx, applications, leftovers};
use crate::timestamp::Timestamp;
use anyhow::bail;
use clap::Subcommand;

/// Manages applications.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The database: `sqlite:PATH`.
    #[arg(long, env = "CHATKITTY_DATABASE", default_value = "sqlite:chatkitty.db", global = true)]
    database: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create an application and print the credentials of its first client, this once.
    Create {
        /// A name for people.
        name: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// List the applications.
    List,
    /// Add a client to an application and print its credentials, this once.
    AddClient {
        /// The application's ID.
        id: i64,
        #[command(flatten)]
        limits: Limits,
    },
    /// List the clients of an application: until when they and their old secrets are good, and what they may do.
    ListClients {
        /// The application's ID.
        id: i64,
    },
    /// Remove a client of an application and end its tokens.
    RemoveClient {
        /// The application's ID.
        id: i64,
        /// The client ID.
        client: String,
    },
    /// Give an application's clients new secrets. The old ones end at once with all tokens, unless they are kept.
    RotateSecret {
        /// The application's ID.
        id: i64,
        /// Give a new secret to this client only.
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Until when the old secret is good as well, and tokens that were got before: a time such as
        /// 2027-01-31T09:30:00Z, or how long from now in s, m, h or d, such as 24h. Of two secrets that are good, the
        /// older one ends at once.
        #[arg(long, value_name = "WHEN", value_parser = moment)]
        keep_old: Option<i64>,
    },
    /// End a client's old secret before its time, and the client's tokens with it.
    DropOldSecret {
        /// The application's ID.
        id: i64,
        /// The client ID.
        client: String,
    },
    /// Delete an application with everything in it.
    Delete {
        /// The application's ID.
        id: i64,
    },
}

/// What a client may do, and for how long.
#[derive(Debug, clap::Args)]
struct Limits {
    /// A scope that the client may use; repeat it for more. Without any it may use all.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Until when the client gets tokens: a time such as 2027-01-31T09:30:00Z, or how long from now in s, m, h or d, such
    /// as 90d. No token of it lives longer. Without, the client does not expire.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    expires: Option<i64>,
}

impl Limits {
    /// The scopes as they are stored, if the document knows them all.
    fn scopes(&self) -> anyhow::Result<Option<String>> {
        let known = known_scopes();
        if let Some(unknown) = self.scopes.iter().find(|scope| !known.contains(&scope.as_str())) {
            bail!("there is no scope {unknown}; there are {}", known.join(", "));
        }
        Ok((!self.scopes.is_empty()).then(|| self.scopes.join(" ")))
    }
}

/// A time to come, in milliseconds since the epoch.
fn moment(text: &str) -> Result<i64, String> {
    const SECONDS: [(char, i64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 24 * 3600)];
    let span = SECONDS.iter().find_map(|(unit, seconds)| {
        let count: u32 = text.strip_suffix(*unit)?.parse().ok()?;
        Some(i64::from(count) * seconds * 1000)
    });
    let now = now();
    let time = match span {
        Some(span) => now + span,
        None => {
            let time = text.parse::<Timestamp>();
            time.map_err(|_| "write a time like 2027-01-31T09:30:00Z, or how long from now like 90d")?.millis()
        }
    };
    // What cannot be written would be told otherwise than it is.
    match Timestamp::from_millis(time).millis() == time && time > now {
        true => Ok(time),
        false => Err("the time must lie in the future, and before the year 10000".to_owned()),
    }
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    keep_to_oneself();
    let store = match arguments.command {
        Command::Create { .. } => Store::open(&arguments.database)?,
        // In a database that a mistyped path would make there is nothing to find.
        _ => Store::open_existing(&arguments.database)?,
    };
    block_on(async {
        match arguments.command {
            Command::Create { name, limits } => create(&store, name, &limits).await,
            Command::List => list(&store).await,
            Command::AddClient { id, limits } => add_client(&store, id, &limits).await,
            Command::ListClients { id } => list_clients(&store, id).await,
            Command::RemoveClient { id, client } => remove_client(&store, id, client).await,
            Command::RotateSecret { id, client, keep_old } => rotate_secret(&store, id, client, keep_old).await,
            Command::DropOldSecret { id, client } => drop_old_secret(&store, id, client).await,
            Command::Delete { id } => delete(&store, id).await,
        }
    })
}

async fn create(store: &Store, name: String, limits: &Limits) -> anyhow::Result<()> {
    if name.is_empty() || name.chars().count() > 255 || name.contains(char::is_control) {
        bail!("a name has 1 to 255 characters, none of them control characters");
    }
    let (scopes, expires) = (limits.scopes()?, limits.expires);
    let made = store
        .write(move |tx| {
            let application = applications::create(tx, &name, &uuid::Uuid::new_v4().to_string(), now())?;
            let made = create_credentials(tx, application.id, None, scopes.as_deref())?;
            credentials::set_expiry(tx, application.id, &made.client_id, expires)?;
            record(tx, application.id, "app create", None)?;
            record(tx, application.id, "app create", Some(&made.client_id))?;
            Ok(made)
        })
        .await?;
    print(&format!("application   {}\n", made.application))?;
    print_secret(&made.client_id, &made.client_secret)
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let rows = store
        .read(|tx| {
            let rows = applications::list(tx)?;
            rows.into_iter().map(|row| Ok((credentials::list(tx, row.id)?, row))).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let mut text = format!("{:>6}  {:<36}  {:>9}  NAME\n", "ID", "CLIENT ID", "USERS");
    for (credentials, row) in rows {
        let ids: Vec<_> = credentials.iter().map(|credential| credential.client_id.as_str()).collect();
        text.push_str(&format!("{:>6}  {:<36}  {:>9}  {}\n", row.id, ids.join(" "), row.users, row.name));
    }
    print(&text)
}

async fn add_client(store: &Store, id: i64, limits: &Limits) -> anyhow::Result<()> {
    let (scopes, expires) = (limits.scopes()?, limits.expires);
    let made = store
        .write(move |tx| {
            if applications::get(tx, id)?.is_none() {
                return Ok(None);
            }
            let made = create_credentials(tx, id, None, scopes.as_deref())?;
            credentials::set_expiry(tx, id, &made.client_id, expires)?;
            record(tx, id, "app add-client", Some(&made.client_id))?;
            Ok(Some(made))
        })
        .await?;
    let Some(made) = made else { bail!(no_application(id)) };
    print_secret(&made.client_id, &made.client_secret)
}

async fn list_clients(store: &Store, id: i64) -> anyhow::Result<()> {
    let found = store.read(move |tx| Ok((applications::get(tx, id)?, credentials::list(tx, id)?))).await?;
    let (Some(_), rows) = found else { bail!(no_application(id)) };
    let mut text = format!("{:<36}  {:<24}  {:<24}  {:<24}  SCOPES\n", "CLIENT ID", "CREATED", "EXPIRES", "OLD SECRET");
    for row in rows {
        let created = Timestamp::from_millis(row.created_time);
        let expires = row.expires_time.map_or("never".to_owned(), |time| Timestamp::from_millis(time).to_string());
        let old = row.previous.filter(|old| old.expires_time > now());
        let old = old.map_or("none".to_owned(), |old| Timestamp::from_millis(old.expires_time).to_string());
        let scopes = row.scopes.as_deref().unwrap_or("all");
        text.push_str(&format!("{:<36}  {created}  {expires:<24}  {old:<24}  {scopes}\n", row.client_id));
    }
    print(&text)
}

async fn remove_client(store: &Store, id: i64, client: String) -> anyhow::Result<()> {
    let name = client.clone();
    let remove = move |tx: &Tx<'_>| {
        let removed = credentials::delete(tx, id, &client)?;
        if removed {
            record(tx, id, "app remove-client", Some(&client))?;
        }
        Ok(removed)
    };
    if !store.write(remove).await? {
        bail!(no_client(id, &name));
    }
    print(&format!("removed client {name} of application {id}\n"))
}

async fn rotate_secret(store: &Store, id: i64, client: Option<String>, keep_until: Option<i64>) -> anyhow::Result<()> {
    let only = client.clone();
    let secrets = store
        .write(move |tx| {
            let Some(_) = applications::get(tx, id)? else { return Ok(None) };
            let mut secrets = Vec::new();
            let all = credentials::list(tx, id)?.into_iter().map(|row| row.client_id);
            for client_id in all.filter(|one| only.as_ref().is_none_or(|only| only == one)) {
                let (secret, salt) = (Secret::generate(), random::<16>());
                let hashed = HashedSecret { salt: salt.to_vec(), hash: secret.hash(&salt).to_vec() };
                credentials::replace_secret(tx, id, &client_id, &hashed, keep_until)?;
                record(tx, id, "app rotate-secret", Some(&client_id))?;
                secrets.push((client_id, secret));
            }
            Ok(Some(secrets))
        })
        .await?;
    let Some(secrets) = secrets else { bail!(no_application(id)) };
    match client {
        Some(client) if secrets.is_empty() => bail!(no_client(id, &client)),
        None if secrets.is_empty() => {
            bail!("application {id} has no clients; add one with `chatkitty app add-client {id}`")
        }
        _ => secrets.iter().try_for_each(|(client_id, secret)| print_secret(client_id, secret)),
    }
}

async fn drop_old_secret(store: &Store, id: i64, client: String) -> anyhow::Result<()> {
    let name = client.clone();
    let drop = move |tx: &Tx<'_>| {
        let dropped = credentials::drop_previous(tx, id, &client, now())?;
        if dropped {
            record(tx, id, "app drop-old-secret", Some(&client))?;
        }
        Ok(dropped)
    };
    if !store.write(drop).await? {
        bail!("application {id} has no client {name} with an old secret; see `chatkitty app list-clients {id}`");
    }
    print(&format!("ended the old secret of client {name} of application {id}\n"))
}

async fn delete(store: &Store, id: i64) -> anyhow::Result<()> {
    let delete = move |tx: &Tx<'_>| {
        let deleted = applications::delete(tx, id, now())?;
        if deleted {
            record(tx, id, "app delete", None)?;
        }
        Ok(deleted)
    };
    if !store.write(delete).await? {
        bail!(no_application(id));
    }
    // A server would do it as well, if one runs.
    while store.write(|tx| leftovers::remove(tx, leftovers::BATCH)).await? {}
    print(&format!("deleted application {id} with everything in it\n"))
}

/// Records what the operator does to an application, or to one of its clients.
fn record(tx: &Tx<'_>, application: i64, command: &str, client: Option<&str>) -> Result<(), StoreError> {
    let resource = match client {
        Some(client) => format!("client {client}"),
        None => format!("/v1/applications/{application}"),
    };
    Act::of_operator(application, command, resource).record(tx, Outcome::Done, now())
}

fn print_secret(client_id: &str, secret: &Secret) -> anyhow::Result<()> {
    print(&format!("client ID     {client_id}\nclient secret {}\n", secret.reveal()))
}

fn no_application(id: i64) -> String {
    format!("there is no application {id}; see `chatkitty app list`")
}

fn no_client(id: i64, client: &str) -> String {
    format!("application {id} has no client {client}; see `chatkitty app list-clients {id}`")
}
