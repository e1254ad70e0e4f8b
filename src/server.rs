//! From a [`Config`] to a running server; used by `serve` and by every test.

use crate::auth::{Authority, Secret, now, random};
use crate::broadcast::Broadcast;
use crate::config::Config;
use crate::edge::{Edge, Gate};
use crate::explorer::{Explorer, Pages};
use crate::files::Files;
use crate::generated::server;
use crate::jobs::Runner;
use crate::limits::Limits;
use crate::platform::Platform;
use crate::presence::{Keeper, Presence};
use crate::secrets::{Vault, exposure};
use crate::store::audit::{Act, Outcome};
use crate::store::{OpenError, Store, StoreError, applications, credentials, tokens};
use dropshot::{ConfigDropshot, ConfigTls, HandlerTaskMode, HttpServer, ServerBuilder, VersionPolicy};
use openapi_dropshot::runtime::catch_all;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use slog::Drain;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A server that answers.
pub struct Running {
    /// Where: `http://127.0.0.1:8080`.
    pub url: String,
    /// The first application's credentials, if it was created at this start.
    pub first: Option<NewCredentials>,
    http: HttpServer<Arc<Platform>>,
    /// The certificate's file and its key's, if the server speaks TLS.
    identity: Option<(PathBuf, PathBuf)>,
    files: Arc<Files>,
    broadcast: Arc<Broadcast>,
    housekeeping: tokio::task::JoinHandle<()>,
    runner: Runner,
    stop_limit: Duration,
}

/// Credentials in the clear, to be shown once.
#[derive(Clone, Debug)]
pub struct NewCredentials {
    /// The application they belong to.
    pub application: i64,
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub client_secret: Secret,
    /// Whether they were made up, rather than chosen by the operator.
    pub generated: bool,
}

/// Why a server did not start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The place for files cannot be used.
    #[error("{0}")]
    Files(String),
    /// The keys of users' secrets cannot be used.
    #[error("{0}")]
    Keys(String),
    /// The first application cannot be created.
    #[error("the first application cannot be created: {0}")]
    Store(#[from] StoreError),
    /// The certificate or key is unusable.
    #[error("{0}")]
    Tls(String),
    /// The address cannot be had, or the server cannot be set up.
    #[error("{0}")]
    Listen(String),
}

/// Starts a server, and creates the first application on an empty database.
///
/// # Errors
/// When the database cannot be opened, the certificate not be read or the address not be had.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let identity = config.tls_cert.clone().zip(config.tls_key.clone());
    let tls = identity.as_ref().map(|(certificate, key)| tls(certificate, key)).transpose()?;
    let store = Store::open(&config.database)?;
    let files = Files::open(&config.files(), store.clone(), config.file_limit).map_err(StartError::Files)?;
    let files = Arc::new(files);
    let vault = Arc::new(Vault::open(&config.keys(), &store).await.map_err(StartError::Keys)?);
    let lifetime = Duration::from_secs(config.token_lifetime.into());
    let authority = Arc::new(Authority::new(lifetime, Limits::new(&config)));
    let (presence, keeper) = Presence::new(store.clone());
    let broadcast = Broadcast::new(store.clone(), Arc::clone(&authority), presence, config.stream_limit);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (own_files, own_vault, own_broadcast) = (Arc::clone(&files), Arc::clone(&vault), Arc::clone(&broadcast));
    let platform =
        Arc::new(Platform::new(store.clone(), own_files, own_vault, authority, own_broadcast, &config, scheme));
    let api = server::api::<Platform>().map_err(|error| StartError::Listen(error.to_string()))?;
    let routes = api.into_routes();
    let explorer = match (&config.explorer_dir, config.no_explorer) {
        (_, true) => Explorer::Off,
        (Some(folder), false) => Explorer::Folder(folder.clone()),
        (None, false) => Explorer::BuiltIn,
    };
    let pages = Pages::new(!config.no_docs, explorer);
    let edge =
        Arc::new(Edge::new(routes.clone(), pages, Duration::from_secs(config.time_limit.into()), config.access_log));
    let description = catch_all(move |context, request| Arc::clone(&edge).handle(context, request));
    let settings = ConfigDropshot {
        bind_address: config.listen,
        // Handlers hold nothing that a vanished client could leave half done: writes go on in the writer's thread.
        default_handler_task_mode: HandlerTaskMode::CancelOnDisconnect,
        ..Default::default()
    };
    // dropshot tells of every connection and request; the access log is ours, so only its warnings are kept.
    let drain = tracing_slog::TracingSlogDrain.filter_level(slog::Level::Warning).fuse();
    let http = ServerBuilder::new(description, Arc::clone(&platform), slog::Logger::root(drain, slog::o!()))
        .config(settings)
        .tls(tls.map(ConfigTls::Dynamic))
        .version_policy(VersionPolicy::Dynamic(Box::new(Gate(routes))))
        .start()
        .map_err(|error| StartError::Listen(listen_error(&config, &error)))?;
    // What a server that died has left open; those of servers that are there are renewed by them.
    broadcast.presence.renew().await?;
    // Only now, as the credentials of a server that could not listen would be seen by nobody.
    let first = create_first_application(&store, config.first.clone()).await?;
    Ok(Running {
        url: format!("{scheme}://{}", http.local_addr()),
        first,
        http,
        identity,
        runner: Runner::start(platform),
        housekeeping: tokio::spawn(keep_house(store, Arc::clone(&files), vault, keeper)),
        files,
        broadcast,
        stop_limit: Duration::from_secs(config.stop_limit.into()),
    })
}

impl Running {
    /// Reads the certificate and its key again, for the connections to come; those that are open keep theirs.
    ///
    /// # Errors
    /// When they cannot be used. Those that were read before stay in use then.
    pub async fn renew_certificate(&self) -> Result<(), StartError> {
        let Some((certificate, key)) = &self.identity else { return Ok(()) };
        let renewed = ConfigTls::Dynamic(tls(certificate, key)?);
        self.http.refresh_tls(&renewed).await.map_err(StartError::Tls)
    }

    /// Takes no more connections, and lets requests in flight finish within the limit. Jobs are put down where they are.
    ///
    /// # Errors
    /// A sentence, when some had to be cut off.
    pub async fn stop(self) -> Result<(), String> {
        self.housekeeping.abort();
        // Streams have no end of their own that there would be time for.
        self.broadcast.stop();
        let finish = async {
            let (closed, ()) = tokio::join!(self.http.close(), self.runner.stop());
            self.broadcast.presence.end_all().await;
            self.files.sweep().await;
            closed
        };
        match tokio::time::timeout(self.stop_limit, finish).await {
            Ok(closed) => closed,
            Err(_) => Err(format!("requests still in flight after {} s were cut off", self.stop_limit.as_secs())),
        }
    }
}

fn listen_error(config: &Config, error: &dropshot::BuildError) -> String {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    format!(
        "cannot listen on {}: {reason}; choose another address with --listen, or stop what listens there",
        config.listen
    )
}

/// Creates an application with credentials, unless there is one already.
async fn create_first_application(
    store: &Store,
    chosen: Option<(String, Secret)>,
) -> Result<Option<NewCredentials>, StoreError> {
    if !store.read(applications::is_empty).await? {
        return Ok(None);
    }
    store
        .write(move |tx| {
            // Of two servers that start on one empty database, one creates.
            if !applications::is_empty(tx)? {
                return Ok(None);
            }
            let application =
                applications::create(tx, "ChatKitty Application", &uuid::Uuid::new_v4().to_string(), now())?;
            let made = create_credentials(tx, application.id, chosen, None)?;
            for resource in [format!("/v1/applications/{}", made.application), format!("client {}", made.client_id)] {
                Act::of_operator(made.application, "serve", resource).record(tx, Outcome::Done, now())?;
            }
            Ok(Some(made))
        })
        .await
}

/// Gives an application credentials: chosen ones, or random ones.
///
/// # Errors
/// When the client id is taken.
pub fn create_credentials(
    tx: &crate::store::Tx<'_>,
    application: i64,
    chosen: Option<(String, Secret)>,
    scopes: Option<&str>,
) -> Result<NewCredentials, StoreError> {
    let generated = chosen.is_none();
    let (client_id, client_secret) = chosen.unwrap_or_else(|| (uuid::Uuid::new_v4().to_string(), Secret::generate()));
    let salt = random::<16>();
    credentials::create(tx, application, &client_id, &salt, &client_secret.hash(&salt), scopes, now())?;
    Ok(NewCredentials { application, client_id, client_secret, generated })
}

/// What is done beside the requests for as long as the server runs.
async fn keep_house(store: Store, files: Arc<Files>, vault: Arc<Vault>, keeper: Keeper) {
    tokio::join!(vault.reseal(&store), forget_expired_tokens(store.clone()), files.keep_swept(), keeper.keep());
}

/// Removes expired tokens, a bounded number at a time so that no writer waits long behind it.
async fn forget_expired_tokens(store: Store) {
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    loop {
        minutes.tick().await;
        loop {
            match store.write(|tx| tokens::delete_expired(tx, now(), 1000)).await {
                Ok(1000) => tokio::task::yield_now().await,
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "expired tokens stay for now");
                    break;
                }
            }
        }
    }
}

fn tls(certificate: &Path, key: &Path) -> Result<rustls::ServerConfig, StartError> {
    let unusable = |path: &Path, reason: &dyn std::fmt::Display| {
        let (path, what) = (path.display(), "a certificate chain in --tls-cert, its unencrypted key in --tls-key");
        StartError::Tls(format!("{path} cannot be used for TLS ({reason}); give PEM files: {what}"))
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(certificate, &error))?;
    if chain.is_empty() {
        return Err(unusable(certificate, &"it holds no certificate"));
    }
    if let Some(advice) = exposure(key).map_err(|error| unusable(key, &error))? {
        return Err(StartError::Tls(advice));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => StartError::Tls(format!(
                    "the key in {} is not the key of the certificate in {}; give the two that were issued together",
                    key.display(),
                    certificate.display()
                )),
                // A certificate that is PEM outside may be no certificate inside.
                rustls::Error::InvalidCertificate(_) => unusable(certificate, &error),
                _ => unusable(key, &error),
            })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
