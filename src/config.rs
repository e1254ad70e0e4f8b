//! Flags and environment → [`Config`]. Nothing else reads the environment.

use crate::auth::Secret;
use crate::secrets::KeySource;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// How a server is run.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_LISTEN", value_name = "ADDRESS", value_parser = address),
        arg(default_value = "127.0.0.1:8080")
    )]
    pub listen: SocketAddr,
    /// The database: `sqlite:PATH`, or `sqlite::memory:` to keep nothing.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_DATABASE", default_value = "sqlite:chatkitty.db"))]
    pub database: String,
    /// Where uploaded files go: `file:FOLDER`, `s3://BUCKET/PREFIX`, or `memory:` to keep nothing. Without it, a folder
    /// beside the database.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_FILES", value_name = "PLACE"))]
    pub files: Option<String>,
    /// Bytes that an uploaded file may have.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_FILE_LIMIT", value_name = "BYTES", default_value_t = FILE_LIMIT)
    )]
    pub file_limit: u64,
    /// The address clients use, such as `https://chat.example.com`; links are made of it. Without it they are made of
    /// each request's Host.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_PUBLIC_URL", value_name = "URL", value_parser = public_url))]
    pub public_url: Option<String>,
    /// Certificate chain (PEM), leaf first; with it the server speaks TLS, HTTP/1.1 and HTTP/2.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_TLS_CERT", value_name = "FILE", requires = "tls_key"))]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM: PKCS#8, PKCS#1 or SEC1).
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_TLS_KEY", value_name = "FILE", requires = "tls_cert"))]
    pub tls_key: Option<PathBuf>,
    /// Seconds an access token is valid.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_TOKEN_LIFETIME", value_name = "SECONDS", default_value = "43200")
    )]
    pub token_lifetime: u32,
    /// Requests per second that one application may send; without it, any number.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_RATE_LIMIT", value_name = "REQUESTS"))]
    pub rate_limit: Option<NonZeroU32>,
    /// Requests per second that one address may send, health checks aside; without it, any number. Of IPv6 the first 64
    /// bits are an address. Behind a proxy all requests have the address of the proxy.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_ADDRESS_RATE_LIMIT", value_name = "REQUESTS"))]
    pub address_rate_limit: Option<NonZeroU32>,
    /// Requests per second with client credentials, for tokens and about them, that one address may send; without it,
    /// any number.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_TOKEN_RATE_LIMIT", value_name = "REQUESTS"))]
    pub token_rate_limit: Option<NonZeroU32>,
    /// Seconds after which a request is given up; 256 KiB of a long upload begin them anew.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_TIME_LIMIT", value_name = "SECONDS", default_value = "30"))]
    pub time_limit: u32,
    /// Seconds that requests in flight get when the server is told to stop.
    #[cfg_attr(feature = "cli", arg(long, env = "CHATKITTY_STOP_LIMIT", value_name = "SECONDS", default_value = "20"))]
    pub stop_limit: u32,
    /// Event streams that one application may have open at a time.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_STREAM_LIMIT", value_name = "STREAMS", default_value = "2000")
    )]
    pub stream_limit: usize,
    /// Log a line for every answer.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_ACCESS_LOG", value_parser = clap::builder::BoolishValueParser::new())
    )]
    pub access_log: bool,
    /// Serve no documentation page at /docs.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_NO_DOCS", value_parser = clap::builder::BoolishValueParser::new())
    )]
    pub no_docs: bool,
    /// Serve no HAL explorer at /v1/explorer/.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_NO_EXPLORER", value_parser = clap::builder::BoolishValueParser::new())
    )]
    pub no_explorer: bool,
    /// Serve this folder at /v1/explorer/ instead of the explorer that is built in.
    #[cfg_attr(
        feature = "cli",
        arg(long, env = "CHATKITTY_EXPLORER_DIR", value_name = "FOLDER", conflicts_with = "no_explorer")
    )]
    pub explorer_dir: Option<PathBuf>,
    /// What users' secrets are sealed with; without it, a key file beside the database.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub secrets_key: Option<Secret>,
    /// Credentials of the first application on an empty database.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub first: Option<(String, Secret)>,
}

/// 100 MiB.
const FILE_LIMIT: u64 = 100 << 20;

impl Default for Config {
    /// A free port of the loopback address, and a database that keeps nothing.
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database: "sqlite::memory:".to_owned(),
            files: None,
            file_limit: FILE_LIMIT,
            public_url: None,
            tls_cert: None,
            tls_key: None,
            token_lifetime: 43_200,
            rate_limit: None,
            address_rate_limit: None,
            token_rate_limit: None,
            time_limit: 30,
            stop_limit: 20,
            stream_limit: 2000,
            access_log: false,
            no_docs: false,
            no_explorer: false,
            explorer_dir: None,
            secrets_key: None,
            first: None,
        }
    }
}

impl Config {
    /// The place of the files: as configured, else in memory or in a folder, as the database is.
    pub fn files(&self) -> String {
        if let Some(files) = &self.files {
            return files.clone();
        }
        match self.beside_database("files") {
            Some(path) => format!("file:{}", path.display()),
            None => "memory:".to_owned(),
        }
    }

    /// Where the keys of users' secrets are.
    pub fn keys(&self) -> KeySource {
        match (&self.secrets_key, self.beside_database("key")) {
            (Some(keys), _) => KeySource::Given(keys.clone()),
            (None, Some(path)) => KeySource::File(path),
            (None, None) => KeySource::Nowhere,
        }
    }

    /// What lies beside the database, unless that is kept nowhere.
    fn beside_database(&self, extension: &str) -> Option<PathBuf> {
        let path = match self.database.strip_prefix("sqlite:") {
            Some(":memory:") => return None,
            Some(path) => Path::new(path.strip_prefix("//").unwrap_or(path)),
            None => Path::new("chatkitty"),
        };
        Some(path.with_extension(extension))
    }

    /// Adds what comes by environment only, as a secret in a flag would be seen by every user of the machine.
    ///
    /// # Errors
    /// A sentence, when only one of `CHATKITTY_CLIENT_ID` and `CHATKITTY_CLIENT_SECRET` is set, or one is unusable.
    pub fn with_environment(mut self) -> Result<Self, String> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        self.first = match (read("CHATKITTY_CLIENT_ID"), read("CHATKITTY_CLIENT_SECRET")) {
            (None, None) => None,
            (Some(id), Some(_)) if id.len() > 255 || id.contains(|c: char| c.is_control() || c == ':') => {
                return Err("CHATKITTY_CLIENT_ID may have 255 bytes, without colons and control characters".to_owned());
            }
            (Some(id), Some(secret)) => Some((id, Secret::new(secret))),
            _ => return Err("set both CHATKITTY_CLIENT_ID and CHATKITTY_CLIENT_SECRET, or neither".to_owned()),
        };
        self.secrets_key = read("CHATKITTY_SECRETS_KEY").map(Secret::new);
        Ok(self)
    }
}

#[cfg(feature = "cli")]
fn address(text: &str) -> Result<SocketAddr, String> {
    let advice = "write an IP address and a port: 127.0.0.1:8080, or 0.0.0.0:8080 to be reached from elsewhere";
    text.parse().map_err(|_| advice.to_owned())
}

#[cfg(feature = "cli")]
fn public_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| format!("{error}; write it as https://chat.example.com"))?;
    if !matches!(url.scheme(), "http" | "https")
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
    {
        return Err("write it as https://chat.example.com, with a path at most".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
