//! `chatkitty app …`: works on the database, while a server runs on it or not.

use super::{block_on, keep_to_oneself, print};
use crate::auth::{Secret, known_scopes, now, random};
use crate::server::create_credentials;
use crate::store::{Store, applications, credentials, leftovers, tokens};
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
    /// Create an application and print its credentials, this once.
    Create {
        /// A name for people.
        name: String,
        /// A scope that the credentials may use; repeat it for more. Without any they may use all.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
    /// List the applications.
    List,
    /// Give an application's credentials a new secret and end its tokens.
    RotateSecret {
        /// The application's ID.
        id: i64,
    },
    /// Delete an application with everything in it.
    Delete {
        /// The application's ID.
        id: i64,
    },
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
            Command::Create { name, scopes } => create(&store, name, &scopes).await,
            Command::List => list(&store).await,
            Command::RotateSecret { id } => rotate_secret(&store, id).await,
            Command::Delete { id } => delete(&store, id).await,
        }
    })
}

async fn create(store: &Store, name: String, scopes: &[String]) -> anyhow::Result<()> {
    if name.is_empty() || name.chars().count() > 255 || name.contains(char::is_control) {
        bail!("a name has 1 to 255 characters, none of them control characters");
    }
    let known = known_scopes();
    if let Some(unknown) = scopes.iter().find(|scope| !known.contains(&scope.as_str())) {
        bail!("there is no scope {unknown}; there are {}", known.join(", "));
    }
    let scopes = (!scopes.is_empty()).then(|| scopes.join(" "));
    let made = store
        .write(move |tx| {
            let application = applications::create(tx, &name, &uuid::Uuid::new_v4().to_string(), now())?;
            create_credentials(tx, application.id, None, scopes.as_deref())
        })
        .await?;
    let (id, client_id, secret) = (made.application, &made.client_id, made.client_secret.reveal());
    print(&format!("application   {id}\nclient ID     {client_id}\nclient secret {secret}\n"))
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

async fn rotate_secret(store: &Store, id: i64) -> anyhow::Result<()> {
    let secrets = store
        .write(move |tx| {
            let mut secrets = Vec::new();
            for credential in credentials::list(tx, id)? {
                let (secret, salt) = (Secret::generate(), random::<16>());
                credentials::replace_secret(tx, id, &credential.client_id, &salt, &secret.hash(&salt))?;
                secrets.push((credential.client_id, secret));
            }
            tokens::delete_for_application(tx, id)?;
            Ok(secrets)
        })
        .await?;
    if secrets.is_empty() {
        bail!("there is no application {id}; see `chatkitty app list`");
    }
    for (client_id, secret) in secrets {
        print(&format!("client ID     {client_id}\nclient secret {}\n", secret.reveal()))?;
    }
    Ok(())
}

async fn delete(store: &Store, id: i64) -> anyhow::Result<()> {
    if !store.write(move |tx| applications::delete(tx, id, now())).await? {
        bail!("there is no application {id}; see `chatkitty app list`");
    }
    // A server would do it as well, if one runs.
    while store.write(|tx| leftovers::remove(tx, leftovers::BATCH)).await? {}
    print(&format!("deleted application {id} with everything in it\n"))
}
