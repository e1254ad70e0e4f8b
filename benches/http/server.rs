//! A server as a child process: start it, learn its address, read what it costs.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::wire;

/// The credentials that the measured program creates on an empty database.
pub(crate) const CLIENT_ID: &str = "bench";
/// The secret that goes with [`CLIENT_ID`].
pub(crate) const CLIENT_SECRET: &str = "bench-secret-of-no-consequence";

/// How long a server may take to print its address or to become ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clock ticks per second in `/proc/PID/stat`: a constant of Linux's interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `chatkitty serve` on a database file, created where it is missing.
    ///
    /// # Errors
    /// The program does not start or prints no address in time; the message carries the end of its log.
    pub(crate) fn product(database: &Path) -> anyhow::Result<Server> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatkitty"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--database"])
            .arg(format!("sqlite:{}", database.display()))
            .env("CHATKITTY_CLIENT_ID", CLIENT_ID)
            .env("CHATKITTY_CLIENT_SECRET", CLIENT_SECRET)
            // The caller's own settings would change what is measured: links, for one, have another length.
            .env_remove("CHATKITTY_PUBLIC_URL");
        Server::start(command, &database.with_extension("log"))
    }

    /// Starts this executable as a baseline: `argument` is `--serve-hyper` or `--serve-dropshot`.
    ///
    /// # Errors
    /// As for [`Server::product`].
    pub(crate) fn baseline(argument: &str, answer: &Path) -> anyhow::Result<Server> {
        let mut command = Command::new(std::env::current_exe().context("cannot find this executable")?);
        command.arg(argument).arg(answer);
        Server::start(command, &answer.with_extension(format!("{}.log", argument.trim_start_matches('-'))))
    }

    fn start(mut command: Command, log: &Path) -> anyhow::Result<Server> {
        let log_file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("the child has no stdout")?;
        let (sender, receiver) = mpsc::channel();
        // The thread goes on reading after the address is known: a full pipe would stop the server.
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            if let Some(address) = lines.by_ref().find_map(|line| address_in(&line)) {
                // The receiver may have given up waiting; then nobody wants the address.
                let _ = sender.send(address);
            }
            lines.for_each(drop);
        });
        match receiver.recv_timeout(PATIENCE) {
            Ok(address) => Ok(Server { child, address }),
            Err(_) => {
                // The child may have ended by itself already; its log says why.
                let _ = child.kill();
                let _ = child.wait();
                bail!(
                    "{} printed no line with http://127.0.0.1:PORT; the end of its log:\n{}",
                    command.get_program().display(),
                    last_lines(log)
                )
            }
        }
    }

    /// Waits until `/health/ready` answers 200.
    ///
    /// # Errors
    /// It does not within a minute.
    pub(crate) fn wait_until_ready(&self) -> anyhow::Result<()> {
        let request = wire::get("/health/ready", "");
        let deadline = Instant::now() + PATIENCE;
        loop {
            match wire::exchange(self.address, &request) {
                Ok(answer) if answer.status == 200 => return Ok(()),
                _ if Instant::now() > deadline => bail!("{} did not become ready", self.address),
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// CPU time used so far, user and system, in seconds, with a resolution of 10 ms.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds(&self.process_file("stat")).context("the server is gone")
    }

    /// Memory resident now (`VmRSS`), in bytes.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(self.process_file("status")).context("the server is gone")?;
        let kibibytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .and_then(|number| number.trim().parse().ok())
            .context("no VmRSS in /proc/PID/status")?;
        Ok(kibibytes * 1024)
    }

    fn process_file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killing is enough: what the server acknowledged is in its write-ahead log already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time in a `stat` file of `/proc`, in seconds.
///
/// # Errors
/// The file cannot be read or has another form.
pub(crate) fn cpu_seconds(stat: &Path) -> io::Result<f64> {
    let text = fs::read_to_string(stat)?;
    // The second field is the program's name in parentheses and may hold spaces, so the count starts behind it.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
    match (times.next(), times.next()) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_SECOND),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected form of a stat file")),
    }
}

/// The address in a line such as `listening on http://127.0.0.1:41893`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://127.0.0.1:")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    Some(SocketAddr::from(([127, 0, 0, 1], rest[..end].parse().ok()?)))
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
