//! The program `chatkitty`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chatkitty_platform::cli::run(std::env::args_os()).into()
}
