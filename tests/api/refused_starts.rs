//! What `serve` says when it cannot start: a message that tells what to do, exit code 1, and nothing spoilt.

use crate::child::{Finished, Serving, command, run};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

/// `serve` on a free port with `test.db` of the folder.
fn serve(folder: &Path) -> Command {
    let mut command = command(folder, ["serve", "--database", "sqlite:test.db"]);
    command.env("CHATKITTY_LISTEN", "127.0.0.1:0");
    command
}

/// A database of this program's making.
fn made(folder: &Path) -> PathBuf {
    assert_eq!(Serving::start(folder).stop().code, Some(0));
    folder.join("test.db")
}

/// Asserts that the start fails with these words and that the file is what it was.
#[track_caller]
fn refused(folder: &Path, words: &[&str]) {
    let file = folder.join("test.db");
    let before = fs::read(&file).unwrap();
    run(serve(folder)).failed(1, words);
    assert!(fs::read(&file).unwrap() == before, "the file was changed by a program that refused it");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("test.db"), "Dear diary, ".repeat(500)).unwrap();
    refused(folder.path(), &["test.db is not an SQLite database", "choose another path"]);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let folder = tempdir().unwrap();
    let other = Connection::open(folder.path().join("test.db")).unwrap();
    other.execute_batch("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')").unwrap();
    drop(other);
    refused(folder.path(), &["test.db is a database of another program", "choose another path"]);
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let folder = tempdir().unwrap();
    let newer = Connection::open(made(folder.path())).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    refused(folder.path(), &["test.db has tables of version 999", "run the newer program"]);
}

#[test]
fn a_database_that_another_process_holds_is_named_as_locked() {
    let folder = tempdir().unwrap();
    let other = Connection::open(made(folder.path())).unwrap();
    other.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    run(serve(folder.path())).failed(1, &["test.db is locked by another process", "stop that process"]);
    other.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn a_database_that_is_cut_short_is_named_as_damaged() {
    let folder = tempdir().unwrap();
    let file = made(folder.path());
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    run(serve(folder.path())).failed(1, &["test.db", "restore a copy"]);
}

#[test]
fn a_place_where_no_file_can_be_is_named() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for place in ["missing/test.db", "file/test.db", "folder", "/proc/test.db"] {
        let database = format!("sqlite:{place}");
        let serve = command(folder.path(), ["serve", "--listen", "127.0.0.1:0", "--database", &database]);
        run(serve).failed(1, &[place, "cannot be opened or created", "check that its directory exists"]);
    }
}

#[test]
fn an_address_that_names_no_database_is_told_how_to() {
    let folder = tempdir().unwrap();
    for address in ["chatkitty.db", "sqlite:", "mysql://root@localhost/chat"] {
        let serve = command(folder.path(), ["serve", "--listen", "127.0.0.1:0", "--database", address]);
        run(serve).failed(1, &["sqlite:PATH", "sqlite::memory:"]);
    }
    let secret = "postgres://chat:hunter2@localhost/chat";
    let finished = run(command(folder.path(), ["serve", "--listen", "127.0.0.1:0", "--database", secret]));
    finished.failed(1, &["PostgreSQL", "sqlite:PATH"]);
    assert!(!finished.stderr.contains("hunter2"), "a password is not for the log: {finished:?}");
}

/// Runs `serve` as somebody whom permissions bind: whoever runs the tests or, as they do not bind root, `nobody`.
fn run_without_privileges(folder: &Path) -> Finished {
    let serve = serve(folder);
    if fs::metadata(folder).unwrap().uid() != 0 {
        return run(serve);
    }
    // The build's folder may be closed to others, so the program moves to where it can be run.
    let home = tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = home.path().join("chatkitty");
    // By another process: while this one had the copy open for writing, a test beside could hand it on to its own child,
    // and a file that somebody may write to cannot be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_chatkitty")).arg(&program).status().unwrap();
    assert!(copied.success(), "cp is needed to run the program as another user");
    let mut other = Command::new(program);
    other.env_clear().env("CHATKITTY_LISTEN", "127.0.0.1:0").current_dir(folder).args(serve.get_args());
    other.uid(65534).gid(65534);
    run(other)
}

#[test]
fn a_file_without_write_permission_is_named() {
    let folder = tempdir().unwrap();
    let file = made(folder.path());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let finished = run_without_privileges(folder.path());
    finished.failed(1, &["test.db cannot be written", "write permission on the file and on its directory"]);
}

#[test]
fn a_folder_without_write_permission_is_named() {
    let folder = tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let finished = run_without_privileges(folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    finished.failed(1, &["test.db cannot be opened or created", "this user may write there"]);
}

#[test]
fn a_writable_file_in_a_folder_without_write_permission_is_named() {
    let folder = tempdir().unwrap();
    let file = made(folder.path());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let finished = run_without_privileges(folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    finished.failed(1, &["test.db", "directory"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let (first, second) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Serving::start(first.path());
    let address = server.url.strip_prefix("http://").unwrap();
    let serve = command(second.path(), ["serve", "--listen", address]);
    run(serve).failed(1, &[&format!("cannot listen on {address}"), "in use", "--listen"]);
}

#[test]
fn a_start_that_failed_does_not_use_up_the_first_credentials() {
    let (first, second) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Serving::start(first.path());
    let address = server.url.strip_prefix("http://").unwrap();
    let mut taken = serve(second.path());
    taken.args(["--listen", address]);
    run(taken).failed(1, &["--listen"]);
    let finished = Serving::start(second.path()).stop();
    assert!(finished.stdout.contains("client secret"), "nobody has seen any credentials yet: {finished:?}");
}

#[test]
fn an_address_of_another_machine_is_named() {
    let folder = tempdir().unwrap();
    // The range is set aside for documentation, so no machine has it.
    let serve = command(folder.path(), ["serve", "--listen", "192.0.2.1:8080"]);
    run(serve).failed(1, &["cannot listen on 192.0.2.1:8080", "choose another address"]);
}
