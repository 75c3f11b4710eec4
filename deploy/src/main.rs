//! The clerk: one binary for founders and members. Words are in `cli/`, deeds in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let words = match cli::Words::try_parse() {
        Ok(words) => words,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                cli::talk::BAD_INPUT
            } else {
                0
            });
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::talk::say(&format!("hearth: no runtime could be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli::obey(words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
            cli::talk::say(&format!("hearth: {}", chain.join(": ")));
            ExitCode::from(cli::talk::exit_code(&error))
        }
    }
}
