//! The program as a child process: started, read, signalled, killed.

use crate::support::Answer;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long anything may take here before the test gives up; it is long because machines are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with these arguments, in this folder, and without the environment of whoever runs the tests.
pub fn command<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatkitty"));
    command.env_clear().current_dir(folder).args(arguments);
    command
}

/// Runs a command to its end.
pub fn run(command: Command) -> Finished {
    Program::spawn(command).finish()
}

/// A process that runs. It is killed when this goes away.
pub struct Program {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// What a process left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    /// Starts a command, whose output is read here.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_logging_to(Stdio::piped(), command)
    }

    /// Starts a command with another standard error.
    pub fn spawn_logging_to(stderr: impl Into<Stdio>, mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().expect(
            "the program starts; `cargo test` builds it when the feature `cli` is on, and it must be executable here",
        );
        let stdout = Lines::of(child.stdout.take().expect("a pipe"));
        let stderr = child.stderr.take().map_or_else(|| Lines::of(std::io::empty()), Lines::of);
        Program { child, stdout, stderr }
    }

    /// The next line on standard output.
    pub fn line(&mut self) -> String {
        match self.stdout.next(Instant::now() + PATIENCE) {
            Some(line) => line,
            None => panic!("no further line on standard output; standard error has:\n{}", self.stderr.rest()),
        }
    }

    /// Reads standard error up to a line with this text.
    pub fn log_until(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(line) = self.stderr.next(deadline) {
            if line.contains(text) {
                return;
            }
        }
        panic!("no line with {text:?} on standard error, which has:\n{}", self.stderr.seen);
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        // The shell has `kill` built in, and the standard library does not.
        let kill = ["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()];
        assert!(Command::new("sh").args(kill).status().expect("a shell").success(), "the program is gone already");
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Finished {
        let deadline = Instant::now() + PATIENCE;
        while self.stdout.next(deadline).is_some() {}
        while self.stderr.next(deadline).is_some() {}
        assert!(
            self.stdout.ended && self.stderr.ended,
            "the program runs on; so far it said:\n{}{}",
            self.stdout.seen,
            self.stderr.seen
        );
        let code = self.child.wait().expect("the program can be waited for").code();
        let (stdout, stderr) = (std::mem::take(&mut self.stdout.seen), std::mem::take(&mut self.stderr.seen));
        Finished { code, stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// Asserts that the program failed with this code and a message that has these words, and did not panic.
    #[track_caller]
    pub fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        // Help is wrapped at the width of a terminal; here only the words count.
        let message = self.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(message.contains(word), "no {word:?} in the message, which should tell what to do:\n{message}");
        }
        assert!(!message.contains("panicked"), "{message}");
    }

    /// Standard output of a success that had nothing to complain about.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }
}

/// `chatkitty serve`, once it answers.
pub struct Serving {
    pub program: Program,
    /// Where: `http://127.0.0.1:41234`.
    pub url: String,
    pub http: reqwest::Client,
}

impl Serving {
    /// Starts `serve` on a free port with `test.db` of the folder.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, |_| {})
    }

    /// Starts `serve` with more arguments or environment.
    pub fn start_with(folder: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(folder, ["serve"]);
        command.env("CHATKITTY_LISTEN", "127.0.0.1:0").env("CHATKITTY_DATABASE", "sqlite:test.db");
        change(&mut command);
        Self::greeted(Program::spawn(command), reqwest::Client::new())
    }

    /// Reads the address that a starting server prints.
    pub fn greeted(mut program: Program, http: reqwest::Client) -> Self {
        let line = program.line();
        let url = line.strip_prefix("ChatKitty Platform API at ").and_then(|rest| rest.strip_suffix("/v1"));
        let url = url.unwrap_or_else(|| panic!("no address in the first line: {line}")).to_owned();
        Serving { program, url, http }
    }

    /// Asks for a token and gives the answer, whatever it is.
    pub async fn ask_token(&self, id: &str, secret: &str) -> Answer {
        let request = self.http.post(format!("{}/oauth/token", self.url)).basic_auth(id, Some(secret));
        Answer::of(request.form(&[("grant_type", "client_credentials")])).await
    }

    /// A token.
    pub async fn token(&self, id: &str, secret: &str) -> String {
        let answer = self.ask_token(id, secret).await.ok();
        answer["access_token"].as_str().expect("an access token").to_owned()
    }

    /// A request with a token.
    pub fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        Answer::of(self.request(Method::GET, path, token)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path, token).json(&body)).await
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(self) -> Finished {
        self.program.signal("TERM");
        self.program.finish()
    }
}

/// The lines of a pipe, read by a thread so that the process never waits for its reader.
struct Lines {
    lines: Receiver<String>,
    seen: String,
    ended: bool,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Lines { lines, seen: String::new(), ended: false }
    }

    /// The next line, or none at the end or the deadline.
    fn next(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.seen.push_str(&line);
                self.seen.push('\n');
                Some(line)
            }
            Err(error) => {
                self.ended |= error == RecvTimeoutError::Disconnected;
                None
            }
        }
    }

    /// All that has come, and comes within a second.
    fn rest(&mut self) -> &str {
        let deadline = Instant::now() + Duration::from_secs(1);
        while self.next(deadline).is_some() {}
        &self.seen
    }
}
