//! What a person sees while a long command runs: one line a step, with seconds; a moving one on a terminal.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The teller of steps. Talk goes to standard error; results go to standard output elsewhere.
pub struct Screen {
    begun: Instant,
    bar: Option<ProgressBar>,
    step: Option<(String, Instant)>,
    colour: bool,
}

impl Screen {
    /// Looks whether there is a terminal.
    pub fn new() -> Self {
        let terminal = stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            begun: Instant::now(),
            bar,
            step: None,
            colour: terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// Ends the step before, well done, and begins the next.
    pub fn step(&mut self, what: impl Into<String>) {
        self.done();
        let what = what.into();
        if let Some(bar) = &self.bar {
            bar.reset_elapsed();
            bar.set_message(what.clone());
        }
        self.step = Some((what, Instant::now()));
    }

    /// Says how far the step is.
    pub fn detail(&self, detail: &str) {
        if let (Some(bar), Some((what, _))) = (&self.bar, &self.step) {
            bar.set_message(format!("{what}: {detail}"));
        }
    }

    /// Ends the step, well done.
    pub fn done(&mut self) {
        if let Some((what, begun)) = self.step.take() {
            let mark = if self.colour {
                "\u{1b}[32m\u{2713}\u{1b}[0m"
            } else {
                "\u{2713}"
            };
            self.say(&format!(
                "  {mark} {what:<62} {:>6.1} s",
                begun.elapsed().as_secs_f32()
            ));
        }
    }

    /// Says one line.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Ends the talk; returns how long all of it took.
    pub fn close(mut self) -> Duration {
        self.done();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.begun.elapsed()
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}
