//! Whether the disk keeps up, and the journal is whole.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{Finding, bad, good, poor};
use crate::check;

/// Writes and syncs a file of its own, a hundred times or for three seconds, and looks the journal through.
pub(super) fn disk(state: &Path) -> Vec<Finding> {
    use std::io::Write as _;
    let mut findings = Vec::new();
    if !state.exists() && state.parent().is_some_and(Path::is_dir) {
        let mend = "start the daemon with `hearth-oracle run`, which makes it";
        return vec![poor(
            "disk",
            format!("{} is not there yet", state.display()),
            mend,
        )];
    }
    let probe = state.join("doctor.probe");
    let tried = || -> std::io::Result<Vec<Duration>> {
        let mut file = std::fs::File::create(&probe)?;
        let begun = Instant::now();
        let mut took = Vec::new();
        while took.len() < 100 && begun.elapsed() < Duration::from_secs(3) {
            let one = Instant::now();
            file.write_all(&[0; 512])?;
            file.sync_data()?;
            took.push(one.elapsed());
        }
        Ok(took)
    };
    match tried() {
        Ok(mut took) => {
            took.sort_unstable();
            let slow = took[took.len() * 95 / 100].as_millis();
            let says = format!("of {} syncs, 95 in a hundred take at most {slow} ms", took.len());
            findings.push(if slow > 50 {
                poor(
                    "disk",
                    says,
                    "devices wait this long for each acknowledgement; a solid-state disk helps",
                )
            } else {
                good("disk", says)
            });
        }
        Err(error) => {
            let mend = "is the folder there, yours, and the disk not full? `run` makes it";
            findings.push(bad(
                "disk",
                format!("{} cannot be written: {error}", state.display()),
                mend,
            ));
        }
    }
    let _ = std::fs::remove_file(&probe);
    let journal = state.join("journal.db");
    if journal.exists() {
        let size = std::fs::metadata(&journal).map_or(0, |found| found.len()) >> 20;
        let mend = "stop the daemon, move the state folder away and keep it; peers hand over what is still needed; \
                    start it again only when every report being agreed upon is accepted (docs/hosting.md, Backups)";
        findings.push(match crate::journal::sqlite::inspect(&journal) {
            Ok(None) => good("disk", format!("the journal is whole, {size} MiB")),
            Ok(Some(damage)) => bad("disk", format!("the journal is damaged: {damage}"), mend),
            Err(error) => bad("disk", check::whole(&error), mend),
        });
    }
    findings
}
