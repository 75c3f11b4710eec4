//! What the chain's events amount to.
//!
//! *In*: logs of committee and docket, in order. *Out*: [`Known`]. *Never*: a request; the same logs always give the
//! same knowledge, so what a reorganisation took back is gone with the next look.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::rpc::types::Log;
use alloy::sol_types::SolEventInterface as _;
use hearth_bindings::{Committee, Docket};
use hearth_oracle_core::chain::{Accepted, Badge, Device, Domain, ReportState, SeatKeys, Terms};
use hearth_oracle_core::report::{Report, UnknownVerdict, as_parent};
use hearth_oracle_core::types::{Epoch, EpochKind, MemberId, StreamId, SubcontractId, Verdict};

/// Finished reports of a stream that are still remembered.
const FINISHED_KEPT: usize = 8;

/// Seconds after its window in which a report can be settled (R7.10).
const SETTLED_WITHIN: u64 = 14 * 86_400;

/// Everything the events have told so far.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) domain: Domain,
    pub(crate) version: u32,
    pub(crate) seats: Vec<SeatKeys>,
    pub(crate) endpoints: Vec<String>,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    badges: Vec<Badge>,
}

/// A stream and its reports.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) terms: Arc<Terms>,
    window: u64,
    indices: Vec<u8>,
    /// In order of acceptance.
    pub(crate) landed: Vec<Arc<Landed>>,
    /// Epoch of the very first report.
    pub(crate) first: Option<Epoch>,
}

/// A report the chain has accepted, with all that its settlement needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// What the core is told of it.
    pub accepted: Accepted,
    /// The head, signers included.
    pub header: U256,
    /// The parent's digest as it was signed.
    pub parent: B256,
    /// Root of the envelopes used.
    pub envelopes: B256,
    /// The payload.
    pub payload: Bytes,
}

impl Known {
    pub(crate) fn new(domain: Domain, seats: u8) -> Self {
        let vacant = SeatKeys {
            report: Address::ZERO,
            transport: [0; 32],
        };
        Self {
            domain,
            version: 0,
            seats: vec![vacant; usize::from(seats)],
            endpoints: vec![String::new(); usize::from(seats)],
            streams: BTreeMap::new(),
            badges: Vec::new(),
        }
    }

    /// Takes in one log; `time` is its block's. What is none of the known events says nothing.
    ///
    /// # Errors
    /// An accepted report cannot be read: nothing after it can be known.
    pub(crate) fn apply(&mut self, log: &Log, time: u64) -> Result<(), UnknownVerdict> {
        let (topics, data) = (log.inner.data.topics(), &log.inner.data.data);
        if log.address() == self.domain.docket {
            if let Ok(event) = Docket::DocketEvents::decode_raw_log(topics, data) {
                return self.docket(event, log.block_number.unwrap_or_default(), time);
            }
        } else if let Ok(event) = Committee::CommitteeEvents::decode_raw_log(topics, data) {
            self.committee(event);
        }
        Ok(())
    }

    fn committee(&mut self, event: Committee::CommitteeEvents) {
        use Committee::CommitteeEvents as E;
        let mut seat = |seat: u8, report: Address, transport: B256, endpoint: String| {
            if let Some(keys) = self.seats.get_mut(usize::from(seat)) {
                *keys = SeatKeys {
                    report,
                    transport: transport.0,
                };
                self.endpoints[usize::from(seat)] = endpoint;
            }
        };
        match event {
            E::Registered(e) => seat(e.seat, e.reportKey, e.transportKey, e.endpoint),
            E::Rotated(e) => seat(e.seat, e.reportKey, e.transportKey, e.endpoint),
            E::Resigned(e) => seat(e.seat, Address::ZERO, B256::ZERO, String::new()),
            E::Equivocated(e) => seat(e.seat, Address::ZERO, B256::ZERO, String::new()),
            E::VersionWritten(e) => self.version = e.version.to::<u32>(),
            _ => {}
        }
    }

    fn docket(&mut self, event: Docket::DocketEvents, block: u64, time: u64) -> Result<(), UnknownVerdict> {
        use Docket::DocketEvents as E;
        match event {
            E::StreamEnrolled(e) => self.enrol(StreamId(e.stream), e.terms),
            E::DeviceReplaced(e) => {
                let from = e.from.to::<u64>();
                let Some(stream) = self.streams.get_mut(&StreamId(e.stream)) else {
                    return Ok(());
                };
                let terms = Arc::make_mut(&mut stream.terms);
                for (device, index) in terms.devices.iter_mut().zip(&stream.indices) {
                    if *index == e.index {
                        device.until = device.until.min(from);
                    }
                }
                terms.devices.push(device(&e.device, from));
                stream.indices.push(e.index);
            }
            E::BadgeEnrolled(e) => {
                let badge = Badge {
                    hash: e.badge,
                    member: MemberId(e.member),
                    from: e.from.to(),
                };
                self.badges.push(badge);
                for stream in self.streams.values_mut() {
                    Arc::make_mut(&mut stream.terms).badges.push(badge);
                }
            }
            E::Accepted(e) => return self.accept(e.header, e.envelopes, e.payload, block, time),
            E::Settled(e) => {
                let Some(stream) = self.streams.get_mut(&StreamId(e.stream)) else {
                    return Ok(());
                };
                let epoch = Epoch(e.epoch.to::<u32>());
                for landed in stream
                    .landed
                    .iter_mut()
                    .filter(|landed| landed.accepted.epoch == epoch)
                {
                    Arc::make_mut(landed).accepted.state = ReportState::Settled;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enrol(&mut self, id: StreamId, terms: Docket::StreamTerms) {
        let epochs = match terms.epochKind {
            0 => EpochKind::Day,
            1 => EpochKind::Week,
            _ => EpochKind::Period,
        };
        let known = Terms {
            subcontract: SubcontractId(terms.subcontract),
            epochs,
            estimator: ascii(terms.estimator.as_slice()),
            parameters: terms.parameters.to_vec(),
            model: terms.modelHash,
            devices: terms.devices.iter().map(|given| device(given, 0)).collect(),
            badges: self.badges.clone(),
        };
        let indices = (0..=u8::MAX).take(known.devices.len()).collect();
        let window = u64::from(terms.windowSeconds);
        let stream = Stream {
            terms: Arc::new(known),
            window,
            indices,
            landed: Vec::new(),
            first: None,
        };
        self.streams.insert(id, stream);
    }

    fn accept(
        &mut self,
        header: U256,
        envelopes: B256,
        payload: Bytes,
        block: u64,
        time: u64,
    ) -> Result<(), UnknownVerdict> {
        let mut report = Report::read(header, envelopes, payload.clone())?;
        let Some(stream) = self.streams.get_mut(&report.stream) else {
            return Ok(());
        };
        report.parent = stream
            .landed
            .last()
            .map_or(B256::ZERO, |last| as_parent(last.accepted.digest));
        let accepted = Accepted {
            epoch: report.epoch,
            attempt: report.attempt,
            digest: report.digest(&self.domain),
            observed_from: report.observed_from,
            observed_to: report.observed_to,
            verdict: report.verdict,
            envelopes,
            block,
            window_ends: time + stream.window,
            state: if report.verdict == Verdict::Ok {
                ReportState::Accepted
            } else {
                ReportState::Spent
            },
        };
        stream.first.get_or_insert(report.epoch);
        stream.landed.push(Arc::new(Landed {
            accepted,
            header,
            parent: report.parent,
            envelopes,
            payload,
        }));
        Ok(())
    }

    /// Marks what nobody settled in time, and lets go of what is long finished.
    pub(crate) fn age(&mut self, now: u64) {
        for stream in self.streams.values_mut() {
            for landed in &mut stream.landed {
                let report = &landed.accepted;
                if report.state == ReportState::Accepted && now > report.window_ends + SETTLED_WITHIN {
                    Arc::make_mut(landed).accepted.state = ReportState::Lapsed;
                }
            }
            let old = stream.landed.len().saturating_sub(FINISHED_KEPT);
            let mut seen = 0;
            stream.landed.retain(|landed| {
                seen += 1;
                seen > old || landed.accepted.state == ReportState::Accepted
            });
        }
    }
}

fn device(given: &Docket::Device, from: u64) -> Device {
    Device {
        key: given.key.0,
        kind: ascii(given.kind.as_slice()),
        interval: given.intervalSeconds,
        calibrated_until: given.calibratedUntil.to(),
        from,
        until: u64::MAX,
    }
}

/// Text in a fixed field: without the zeros after it.
fn ascii(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
