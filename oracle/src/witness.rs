//! The thread that owns the seat: it steps the core, makes its records durable, then carries out its effects.
//!
//! *In*: envelopes, events, sights of the chain. *Out*: effects, in order, after their records are on disk. *Never*: an
//! answer or a signature before the commit; a wait for any stage after it, so nothing can lock up.
//!
//! One commit takes whatever arrived during the commit before (at most [`MOST_AT_ONCE`]), so latency follows the disk.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use hearth_oracle_core::answer::Outcome;
use hearth_oracle_core::chain::ChainView;
use hearth_oracle_core::effect::{Effect, Event, Notice, Record};
use hearth_oracle_core::seat::{self, Seat};
use hearth_oracle_core::types::{Counter, Kid, SeatId};
use hearth_oracle_core::verify::{Held, Verified};
use metrics::{counter, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::chain::Sight;
use crate::journal::{Journal, JournalError};
use crate::metrics as m;
use crate::peers::Posts;
use crate::reread::Requests;
use crate::sign::ReportKey;
use crate::submit::Errand;

/// Envelopes in one group commit, at most.
pub(crate) const MOST_AT_ONCE: usize = 1_000;

/// Envelopes waiting for the next commit, at most; then the doors wait.
const WAITING: usize = 4_096;

/// Peer messages and results waiting, at most; each may hold a mebibyte.
const EVENTS: usize = 32;

/// A device's envelope on its way to the disk.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) envelope: Verified,
    /// The seat's own clock when it came, unix seconds.
    pub(crate) wall: u64,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

/// Whatever else happens to the seat.
#[derive(Debug)]
pub(crate) enum Input {
    /// The chain looks different.
    Sight(Arc<Sight>),
    /// For the core.
    Event(Box<Event>),
}

/// The way in.
#[derive(Debug, Clone)]
pub(crate) struct Inlet {
    envelopes: mpsc::Sender<Offered>,
    inputs: mpsc::Sender<Input>,
}

/// The witness has ended; the process is about to.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the seat is shutting down")]
pub(crate) struct Ended;

impl Inlet {
    /// Hands over an envelope that came at unix second `wall`, waiting while there are too many. What is returned gets the
    /// answer; *kept* means: on disk.
    pub(crate) async fn offer(
        &self,
        envelope: Verified,
        wall: u64,
    ) -> Result<oneshot::Receiver<Outcome>, Ended> {
        let (reply, answer) = oneshot::channel();
        self.envelopes
            .send(Offered {
                envelope,
                wall,
                reply,
            })
            .await
            .map_err(|_| Ended)?;
        Ok(answer)
    }

    /// Hands over an input, waiting while there are too many.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), Ended> {
        self.inputs.send(input).await.map_err(|_| Ended)
    }

    /// As [`Inlet::tell`], from a thread outside the runtime.
    pub(crate) fn tell_blocking(&self, input: Input) -> Result<(), Ended> {
        self.inputs.blocking_send(input).map_err(|_| Ended)
    }
}

/// Where effects go. None of these waits.
pub(crate) struct Outlets {
    /// Batches of answers for devices on MQTT, one for each commit.
    pub(crate) answers: mpsc::Sender<Vec<(Kid, Counter, Outcome)>>,
    /// Messages to peers.
    pub(crate) posts: Posts,
    /// What needs envelopes from the journal.
    pub(crate) requests: Arc<Requests>,
    /// What goes to the chain.
    pub(crate) errands: mpsc::Sender<Errand>,
}

/// The witness and everything it owns.
pub(crate) struct Witness {
    pub(crate) seat: SeatId,
    pub(crate) key: ReportKey,
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) outlets: Outlets,
    /// Seconds of chain time for which envelopes are kept after they are spent (R20).
    pub(crate) keep_seconds: u64,
    pub(crate) config: seat::Config,
    /// The newest counter of each device, to count gaps by.
    pub(crate) last: HashMap<Kid, Counter>,
}

/// The way in, and what the witness takes from.
pub(crate) fn channel() -> (Inlet, Intake) {
    let (envelopes, offered) = mpsc::channel(WAITING);
    let (inputs, given) = mpsc::channel(EVENTS);
    (
        Inlet { envelopes, inputs },
        Intake {
            envelopes: offered,
            inputs: given,
        },
    )
}

/// What the witness takes from.
pub(crate) struct Intake {
    envelopes: mpsc::Receiver<Offered>,
    inputs: mpsc::Receiver<Input>,
}

/// Effects that wait for the commit.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    replies: Vec<(oneshot::Sender<Outcome>, Outcome)>,
    answers: Vec<(Kid, Counter, Outcome)>,
    rest: Vec<Effect>,
}

impl Witness {
    /// Runs until told to stop, and then until what came in is on disk.
    ///
    /// # Errors
    /// The journal cannot go on.
    pub(crate) async fn run(
        mut self,
        mut intake: Intake,
        stop: CancellationToken,
    ) -> Result<(), JournalError> {
        // Without a first look at the chain nothing can be judged; the doors say so until then.
        let mut sight = loop {
            match stop.run_until_cancelled(intake.inputs.recv()).await.flatten() {
                Some(Input::Sight(sight)) => break sight,
                Some(Input::Event(_)) => {}
                None => return Ok(()),
            }
        };
        let records = self.journal.recall()?;
        info!(target: "hearth::journal", seat = self.seat.0, records = records.len(), "recalled");
        let mut seat = Seat::recover(self.config.clone(), &sight.view, records);
        let mut own: VecDeque<Event> = VecDeque::from([new_head()]);
        let mut offered: Vec<Offered> = Vec::with_capacity(MOST_AT_ONCE);
        let mut batch = Batch::default();
        let mut stopping = false;
        loop {
            let mut input = None;
            if own.is_empty() {
                tokio::select! {
                    biased;
                    () = stop.cancelled(), if !stopping => {
                        // Nobody gets in any more; who is in is served.
                        intake.envelopes.close();
                        intake.inputs.close();
                        stopping = true;
                    }
                    given = intake.inputs.recv() => match given {
                        Some(given) => input = Some(given),
                        None if intake.envelopes.is_empty() => return Ok(()),
                        None => {
                            intake.envelopes.recv_many(&mut offered, MOST_AT_ONCE).await;
                        }
                    },
                    _ = intake.envelopes.recv_many(&mut offered, MOST_AT_ONCE) => {}
                }
            }
            if offered.is_empty() && !intake.envelopes.is_empty() {
                intake.envelopes.recv_many(&mut offered, MOST_AT_ONCE).await;
            }
            match input {
                Some(Input::Sight(newer)) => {
                    sight = newer;
                    own.push_back(new_head());
                }
                Some(Input::Event(event)) => own.push_back(*event),
                None => {}
            }
            for event in own.drain(..) {
                batch.sort(seat::step(&mut seat, event, &sight.view));
            }
            for Offered {
                envelope,
                wall,
                reply,
            } in offered.drain(..)
            {
                let effects = seat::step(&mut seat, Event::Received { envelope, wall }, &sight.view);
                batch.answer(effects, reply);
            }
            self.commit(&batch.records).await?;
            self.act(&mut batch, &mut own, &sight.view)?;
        }
    }

    /// A full disk is waited for: nothing is answered meanwhile, the doors fill and refuse, nothing is lost.
    async fn commit(&mut self, records: &[Record]) -> Result<(), JournalError> {
        if records.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut told = false;
        loop {
            match self.journal.commit(records) {
                Ok(()) => break,
                Err(refused) if refused.passes() => {
                    if !told {
                        let reason = crate::check::whole(&refused);
                        error!(target: "hearth::journal", reason, "nothing is kept or signed until the disk has room");
                    }
                    told = true;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(fatal) => return Err(fatal),
            }
        }
        if told {
            info!(target: "hearth::journal", "the disk takes records again");
        }
        histogram!(m::COMMIT_SECONDS).record(begun.elapsed().as_secs_f64());
        histogram!(m::COMMIT_ROWS).record(records.len() as f64);
        Ok(())
    }

    fn act(
        &mut self,
        batch: &mut Batch,
        own: &mut VecDeque<Event>,
        view: &ChainView,
    ) -> Result<(), JournalError> {
        for record in batch.records.drain(..) {
            if let Record::Kept { held, .. } = &record {
                self.gap(held);
            }
            log_record(&record, self.seat);
        }
        for (reply, outcome) in batch.replies.drain(..) {
            // A door that no longer waits has lost its connection; the device will ask again.
            let _ = reply.send(outcome);
        }
        if !batch.answers.is_empty()
            && self
                .outlets
                .answers
                .try_send(std::mem::take(&mut batch.answers))
                .is_err()
        {
            m::dropped("answers");
        }
        for effect in batch.rest.drain(..) {
            match effect {
                Effect::Send { to, message } => self.outlets.posts.send(to, message),
                Effect::HandOver { to, envelopes } => self.outlets.requests.hand_over(to, envelopes),
                Effect::Evaluate(task) => self.outlets.requests.evaluate(*task),
                Effect::Sign(permit) => {
                    let begun = Instant::now();
                    let key = permit.key();
                    // `ReportKey::new` has shown that the secret is a key.
                    let Some(attestation) = self.key.attest(&permit) else {
                        continue;
                    };
                    histogram!(m::SIGNER_SECONDS).record(begun.elapsed().as_secs_f64());
                    counter!(m::SIGNATURES).increment(1);
                    info!(
                        target: "hearth::sign", seat = self.seat.0, stream = key.stream.0, epoch = key.epoch.0,
                        attempt = key.attempt.0, digest = %permit.digest(), "signed"
                    );
                    own.push_back(Event::Signed(attestation));
                }
                Effect::Submit(sealed) => self.errand(Errand::Submit(sealed)),
                Effect::Settle { stream, epoch } => self.errand(Errand::Settle { stream, epoch }),
                Effect::Forget { stream, before } => {
                    let Some(known) = view.streams.get(&stream) else {
                        continue;
                    };
                    let begin = view.calendar.begin(known.terms.epochs, before);
                    let purge = view.head.time.saturating_sub(self.keep_seconds);
                    self.journal.forget(stream, before, begin, purge)?;
                }
                Effect::Note(notice) => log_notice(&notice, self.seat),
                // Sorted out before.
                Effect::Persist(_) | Effect::Answer { .. } => {}
            }
        }
        Ok(())
    }

    /// Counts what a device passed over; what comes later after all, or through a peer, is not taken back.
    fn gap(&mut self, held: &Held) {
        let last = self.last.entry(held.kid).or_insert(held.counter);
        let passed = if last.boot() == held.counter.boot() {
            held.counter.seq().saturating_sub(last.seq()).saturating_sub(1)
        } else {
            0
        };
        *last = (*last).max(held.counter);
        counter!(m::SEQ_GAPS, "device" => held.kid.to_string()).increment(passed.into());
    }

    fn errand(&self, errand: Errand) {
        if self.outlets.errands.try_send(errand).is_err() {
            m::dropped("submit");
        }
    }
}

impl Batch {
    fn sort(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(record) => self.records.push(record),
                Effect::Answer {
                    kid,
                    counter,
                    outcome,
                } => self.answers.push((kid, counter, outcome)),
                other => self.rest.push(other),
            }
        }
    }

    /// The answer to this very envelope goes to the door it came through as well.
    fn answer(&mut self, effects: Vec<Effect>, reply: oneshot::Sender<Outcome>) {
        let outcome = effects.iter().find_map(|effect| match effect {
            Effect::Answer { outcome, .. } => Some(*outcome),
            _ => None,
        });
        self.sort(effects);
        if let Some(outcome) = outcome {
            self.replies.push((reply, outcome));
        }
    }
}

fn new_head() -> Event {
    Event::Head {
        entropy: B256::from(rand::random::<[u8; 32]>()),
    }
}

fn log_record(record: &Record, seat: SeatId) {
    match record {
        Record::Kept { held, .. } => debug!(
            target: "hearth::journal", seat = seat.0, stream = held.stream.0, device = %held.kid,
            counter = %held.counter, "kept"
        ),
        Record::Guarded { key, digest, .. } => info!(
            target: "hearth::guard", seat = seat.0, stream = key.stream.0, epoch = key.epoch.0,
            attempt = key.attempt.0, %digest, "guarded"
        ),
        Record::Closed {
            stream,
            epoch,
            digest,
            ..
        } => info!(
            target: "hearth::gather", seat = seat.0, stream = stream.0, epoch = epoch.0, %digest, "closed"
        ),
    }
}

fn log_notice(notice: &Notice, seat: SeatId) {
    let seat = seat.0;
    match notice {
        Notice::CounterReused { kid, counter } => {
            counter!(m::COUNTER_REUSED, "device" => kid.to_string()).increment(1);
            warn!(
                target: "hearth::gather", seat, device = %kid, counter = %counter,
                "two contents under one counter; the device is unheard from there until it is re-keyed"
            );
        }
        Notice::Refused { key, by, reason } => {
            counter!(m::OBJECTIONS, "seat" => by.to_string(), "reason" => reason.name()).increment(1);
            warn!(
                target: "hearth::quorum", seat, stream = key.stream.0, epoch = key.epoch.0, attempt = key.attempt.0,
                by = by.0, reason = reason.name(), "refused"
            );
        }
        Notice::NotSafe { key, reason } => warn!(
            target: "hearth::guard", seat, stream = key.stream.0, epoch = key.epoch.0, attempt = key.attempt.0,
            %reason, "not signed"
        ),
        Notice::Ignored { from, reason } => {
            counter!(m::PEER_MESSAGES, "direction" => "in", "result" => *reason).increment(1);
            debug!(target: "hearth::peers", seat, from = from.0, reason, "ignored");
        }
        Notice::Proposed { key, digest } => info!(
            target: "hearth::report", seat, stream = key.stream.0, epoch = key.epoch.0, attempt = key.attempt.0,
            %digest, "proposed"
        ),
        Notice::Sealed { key, digest } => info!(
            target: "hearth::quorum", seat, stream = key.stream.0, epoch = key.epoch.0, attempt = key.attempt.0,
            %digest, "sealed"
        ),
        Notice::Unusable { stream, reason } => error!(
            target: "hearth::estimate", seat, stream = stream.0, reason,
            "the stream's parameters cannot be used; its subcontract must be replaced"
        ),
    }
}
