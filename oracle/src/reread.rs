//! The thread that reads envelopes back: for estimators, and for peers who lack them.
//!
//! *In*: tasks and hand-overs. *Out*: estimates to the witness, envelopes to peers. *Never*: more than one task per
//! stream; a newer one replaces it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use hearth_oracle_core::effect::{Event, Task};
use hearth_oracle_core::message::{LARGEST_HANDOVER, Message};
use hearth_oracle_core::types::{SeatId, StreamId};
use hearth_oracle_core::verify::Held;
use tokio::time::Instant;
use tracing::{error, info};

use crate::journal::{JournalError, Shelf};
use crate::metrics as m;
use crate::peers::Posts;
use crate::witness::{Inlet, Input};

/// Hand-overs waiting, at most; further ones are asked for again.
const HAND_OVERS: usize = 64;

/// Why the thread ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RereadError {
    #[error("envelopes cannot be read back")]
    Journal(#[source] JournalError),
    #[error(
        "envelope {} of device {} has changed or is gone in the journal; the seat signs nothing with it",
        .0.counter, .0.kid
    )]
    Changed(Held),
}

/// What is asked for; never full for long, never waited for.
#[derive(Default)]
pub(crate) struct Requests {
    asked: Mutex<Asked>,
    bell: Condvar,
}

#[derive(Default)]
struct Asked {
    tasks: BTreeMap<StreamId, Task>,
    hand_overs: VecDeque<(SeatId, Vec<Held>)>,
    closed: bool,
}

enum Job {
    Task(Task),
    HandOver(SeatId, Vec<Held>),
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, Asked> {
        // Nothing panics while it holds the lock; and if so, the lists are still whole.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for an estimate.
    pub(crate) fn evaluate(&self, task: Task) {
        self.lock().tasks.insert(task.stream(), task);
        self.bell.notify_one();
    }

    /// Asks to send envelopes to a peer.
    pub(crate) fn hand_over(&self, to: SeatId, envelopes: Vec<Held>) {
        let mut asked = self.lock();
        if asked.hand_overs.len() >= HAND_OVERS {
            asked.hand_overs.pop_front();
            m::dropped("hand_over");
        }
        asked.hand_overs.push_back((to, envelopes));
        self.bell.notify_one();
    }

    /// Ends the thread after what it is doing.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_one();
    }

    fn next(&self) -> Option<Job> {
        let mut asked = self.lock();
        loop {
            if asked.closed {
                return None;
            }
            // Estimates first: a turn is short.
            if let Some((_, task)) = asked.tasks.pop_first() {
                return Some(Job::Task(task));
            }
            if let Some((to, envelopes)) = asked.hand_overs.pop_front() {
                return Some(Job::HandOver(to, envelopes));
            }
            asked = self.bell.wait(asked).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Serves requests until closed.
    pub(crate) fn serve(
        &self,
        shelf: &mut dyn Shelf,
        inlet: &Inlet,
        posts: &Posts,
        seat: SeatId,
    ) -> Result<(), RereadError> {
        while let Some(job) = self.next() {
            match job {
                Job::Task(task) => {
                    let begun = Instant::now();
                    let (stream, epoch, count) = (task.stream(), task.epoch(), task.envelopes().len());
                    let texts = shelf.fetch(task.envelopes()).map_err(RereadError::Journal)?;
                    let evaluated = task.run(|held| texts.get(&held.leaf).cloned()).map_err(|held| {
                        error!(target: "hearth::journal", device = %held.kid, counter = %held.counter, "changed on disk");
                        RereadError::Changed(held)
                    })?;
                    info!(
                        target: "hearth::estimate", seat = seat.0, stream = stream.0, epoch = epoch.0,
                        envelopes = count, milliseconds = begun.elapsed().as_millis() as u64, "estimated"
                    );
                    if inlet
                        .tell_blocking(Input::Event(Box::new(Event::Evaluated(Box::new(evaluated)))))
                        .is_err()
                    {
                        return Ok(());
                    }
                }
                Job::HandOver(to, envelopes) => {
                    let texts = shelf.fetch(&envelopes).map_err(RereadError::Journal)?;
                    let mut raw = Vec::new();
                    let mut bytes = 0;
                    for text in envelopes.iter().filter_map(|held| texts.get(&held.leaf)) {
                        if bytes + text.len() > LARGEST_HANDOVER && !raw.is_empty() {
                            posts.send(
                                to,
                                Message::Envelopes {
                                    raw: std::mem::take(&mut raw),
                                },
                            );
                            bytes = 0;
                        }
                        bytes += text.len();
                        raw.push(text.to_string());
                    }
                    if !raw.is_empty() {
                        posts.send(to, Message::Envelopes { raw });
                    }
                }
            }
        }
        Ok(())
    }
}
