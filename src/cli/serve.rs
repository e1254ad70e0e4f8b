//! `chatkitty serve`.

use super::failure::ReaderGone;
use super::{block_on, keep_to_oneself, print};
use crate::config::Config;
use crate::server::{NewCredentials, Running, start};
use anyhow::{Context, anyhow, bail};
use std::io::IsTerminal as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

pub(super) fn run(config: Config) -> anyhow::Result<()> {
    keep_to_oneself();
    let filter = EnvFilter::try_from_env("CHATKITTY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A reader of the log that has gone away must not take the server with it.
        .log_internal_errors(false)
        .init();
    let config = config.with_environment().map_err(|message| anyhow!(message))?;
    block_on(async {
        // The handlers are in place before anybody can learn that the server runs.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Without a certificate there is nothing to read again, and the signal has its usual meaning: the terminal has gone.
        let mut hangup = config.tls_cert.as_ref().map(|_| signal(SignalKind::hangup())).transpose()?;
        let running = start(config).await.context("the server did not start")?;
        // Whoever started the server may have no use for its greeting.
        match print(&greeting(&running)) {
            Err(error) if !error.is::<ReaderGone>() => return Err(error),
            _ => {}
        }
        let mut told_to_stop = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        tokio::select! {
            () = told_to_stop() => {}
            () = renew_certificate(&running, hangup.as_mut()) => {}
        }
        tracing::info!("stopping: no new connections, requests in flight may finish; a second signal cuts them off");
        tokio::select! {
            stopped = running.stop() => stopped.map_err(|message| anyhow!(message)),
            () = told_to_stop() => bail!("requests still in flight at the second signal were cut off"),
        }
    })
}

/// Reads the certificate again at every such signal, without an end.
async fn renew_certificate(running: &Running, hangup: Option<&mut Signal>) {
    if let Some(hangup) = hangup {
        while hangup.recv().await.is_some() {
            match running.renew_certificate().await {
                Ok(()) => tracing::info!("new connections get the certificate that has just been read"),
                Err(error) => tracing::error!(%error, "the certificate that was read before stays in use"),
            }
        }
    }
    std::future::pending().await
}

fn greeting(running: &Running) -> String {
    let url = &running.url;
    let mut text = format!("ChatKitty Platform API at {url}/v1\n");
    if let Some(NewCredentials { application, client_id, client_secret, generated }) = &running.first {
        text.push_str(&format!("Created application {application} with client ID {client_id}\n"));
        if *generated {
            let secret = client_secret.reveal();
            text.push_str(&format!("and client secret {secret} (shown only now).\nGet a token:\n"));
            text.push_str(&format!(
                "  curl -u {client_id}:{secret} -d grant_type=client_credentials {url}/oauth/token\n"
            ));
        }
    }
    text
}
