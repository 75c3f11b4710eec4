//! What founding will do, step by step, foreseen without touching the chain.
//!
//! *In*: a [`Kit`], the [`Artifacts`], a chain id. *Out*: a [`Plan`]: the proposal, every address, every transaction in
//! order, and what each founder can lose. The same kit gives the same plan on every machine, so founders can compare
//! its hash; an address that already has code means its step is done.

use alloy::primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy::sol;
use alloy::sol_types::{SolCall, SolValue};
use hearth_bindings::{Charter, Docket};
use hearth_oracle_core::estimators::wood::Parameters;
use hearth_oracle_core::types::{MemberId, Network};
use serde::Serialize;

use crate::amount::Amount;
use crate::artifacts::{Artifacts, MODULES};
use crate::card::DeviceCard;
use crate::kit::{ConsentTerms, EpochKind, Kit, StreamTerms, SubcontractTerms};

/// The deterministic deployment proxy, present on local chains and public testnets.
pub const PROXY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

sol! {
    /// Parameters of the firewood template, as its constructor decodes them (R8).
    struct FirewoodTerms {
        uint16 stream;
        uint16 provider;
        uint64 p0;
        uint32 refGrams;
        uint32[8] mu;
        uint64[8] bands;
        uint16 shrinkageBps;
    }
}

/// Where everything will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Foreseen {
    /// The chain's id.
    pub chain_id: u64,
    /// The network name in topics and signatures.
    pub network: String,
    /// The settlement token.
    pub token: Address,
    /// The charter.
    pub charter: Address,
    /// The roster.
    pub roster: Address,
    /// The ledger.
    pub ledger: Address,
    /// The committee.
    pub committee: Address,
    /// The docket.
    pub docket: Address,
    /// The mandates.
    pub mandates: Address,
    /// The first set of subcontracts, by id.
    pub subcontracts: Vec<Address>,
}

/// How the chain shows that a step is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// There is code at this address.
    Code(Address),
    /// The docket has this many streams.
    Streams(u16),
}

/// One transaction of a founding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does, in words.
    pub label: String,
    /// The contract called.
    pub to: Address,
    /// The call.
    pub data: Bytes,
    /// How the chain shows that it is done.
    pub done: Done,
}

impl Step {
    /// About what it costs: the transaction, its bytes, and the code and words it stores. The chain's own estimate
    /// replaces this as soon as the steps before it stand.
    #[must_use]
    pub fn gas(&self) -> u64 {
        let bytes = self.data.len() as u64;
        // 16 a byte to carry; a deployment writes most of those bytes as code at 200 each.
        let stored = if matches!(self.done, Done::Code(at) if at != Address::ZERO) {
            215
        } else {
            0
        };
        21_000 + bytes * (16 + stored) + 400_000
    }
}

/// A founding, foreseen.
#[derive(Clone, Debug)]
pub struct Plan {
    /// All that founders sign.
    pub proposal: Charter::Proposal,
    /// `keccak256(abi.encode(proposal))`: what each founder's signature names.
    pub proposal_hash: B256,
    /// Where everything will be.
    pub foreseen: Foreseen,
    /// The transactions that anybody may send, in order; signatures and ignition follow them.
    pub steps: Vec<Step>,
}

/// The most a founder can lose by the consent they are asked to sign (R1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stake {
    /// The founder's name.
    pub name: String,
    /// Units of H per fixed period of 30 days.
    pub per_period: u64,
    /// Units of H in any 30 days in a row: twice the figure, since caps are counted by fixed periods (R0).
    pub any_thirty_days: u64,
}

impl Plan {
    /// Foresees a founding of `kit` on the chain with this id.
    #[must_use]
    pub fn new(kit: &Kit, artifacts: &Artifacts, chain_id: u64) -> Self {
        let mut steps = Vec::new();
        let token = kit.token.unwrap_or_else(|| {
            let at = PROXY.create2_from_code(B256::ZERO, &artifacts.practice_token);
            steps.push(through_proxy(
                "deploy the practice token",
                &artifacts.practice_token,
                at,
            ));
            at
        });
        let streams: Vec<Docket::StreamTerms> = kit
            .streams
            .iter()
            .map(|stream| stream_terms(stream, kit.subcontracts.get(stream.subcontract)))
            .collect();
        let proposal = proposal(kit, artifacts, token, &streams);
        let encoded = (proposal.clone(),).abi_encode_params();
        let init = [&artifacts.charter[..], &encoded].concat();
        let charter = PROXY.create2_from_code(B256::ZERO, &init);
        steps.push(through_proxy("propose: deploy the charter", &init, charter));

        // A contract's first creation has nonce 1.
        let modules: Vec<Address> = (1..=5).map(|nonce| charter.create(nonce)).collect();
        for ((name, code), at) in MODULES.iter().zip(&artifacts.modules).zip(&modules) {
            let data = Charter::installCall {
                creationCode: code.clone(),
            }
            .abi_encode();
            steps.push(Step {
                label: format!("install the {name}"),
                to: charter,
                data: data.into(),
                done: Done::Code(*at),
            });
        }
        steps.push(Step {
            label: "enrol the streams".into(),
            to: modules[3],
            data: Docket::enrolFirstCall { streams }.abi_encode().into(),
            done: Done::Streams(count(kit.streams.len())),
        });
        let mut subcontracts = Vec::new();
        for ((id, terms), named) in (1u16..).zip(&proposal.subcontracts).zip(&kit.subcontracts) {
            let arguments = (charter, U256::from(id), terms.terms.clone()).abi_encode_params();
            let init = [&artifacts.firewood[..], &arguments].concat();
            let at = charter.create2_from_code(B256::from(U256::from(id)), init);
            let data = Charter::installFirstCall {
                id,
                creationCode: artifacts.firewood.clone(),
            }
            .abi_encode();
            steps.push(Step {
                label: format!("install subcontract {id}, {}", named.name),
                to: charter,
                data: data.into(),
                done: Done::Code(at),
            });
            subcontracts.push(at);
        }
        Self {
            proposal_hash: keccak256(&encoded),
            proposal,
            foreseen: Foreseen {
                chain_id,
                network: Network::of(chain_id, charter).to_string(),
                token,
                charter,
                roster: modules[0],
                ledger: modules[1],
                committee: modules[2],
                docket: modules[3],
                mandates: modules[4],
                subcontracts,
            },
            steps,
        }
    }

    /// A hash over every transaction, by which founders know that they agreed to the same plan.
    #[must_use]
    pub fn hash(&self) -> B256 {
        let calls: Vec<(Address, Bytes)> = self
            .steps
            .iter()
            .map(|step| (step.to, step.data.clone()))
            .collect();
        keccak256((U256::from(self.foreseen.chain_id), calls).abi_encode())
    }
}

/// The most each founder can lose by the consent the kit asks of them.
#[must_use]
pub fn stakes(kit: &Kit) -> Vec<Stake> {
    let of = |consent: &ConsentTerms| -> u64 {
        let mandates = consent.mandates.iter().flatten();
        let caps = mandates.map(|caps| caps.per_period.0.saturating_add(caps.shared_per_period.0));
        caps.fold(0u64, u64::saturating_add)
            .min(consent.most_per_period.0)
    };
    let founders = kit.founders.iter();
    founders
        .map(|founder| {
            let per_period = of(&founder.consent);
            Stake {
                name: founder.name.clone(),
                per_period,
                any_thirty_days: per_period.saturating_mul(2),
            }
        })
        .collect()
}

fn through_proxy(label: &str, init: &[u8], at: Address) -> Step {
    // The proxy takes the salt, then the creation code; one salt serves, since the code already tells charters apart.
    let data = [B256::ZERO.as_slice(), init].concat();
    Step {
        label: label.into(),
        to: PROXY,
        data: data.into(),
        done: Done::Code(at),
    }
}

/// A kit holds far fewer than 65,536 of anything; see the bounds in `kit`.
fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Ids count from 1.
fn id(position: usize) -> u16 {
    count(position + 1)
}

fn proposal(
    kit: &Kit,
    artifacts: &Artifacts,
    token: Address,
    streams: &[Docket::StreamTerms],
) -> Charter::Proposal {
    let identities = |seats: &[crate::kit::SeatTerms]| seats.iter().map(|seat| seat.identity).collect();
    Charter::Proposal {
        articlesHash: keccak256(&kit.articles),
        token,
        tz: kit.tz,
        floor: kit.floor.0,
        founders: kit
            .founders
            .iter()
            .map(|founder| Charter::Founder {
                key: founder.key,
                household: founder.household,
            })
            .collect(),
        seats: identities(&kit.seats),
        alternates: identities(&kit.alternates),
        limits: kit.limits.to_vec(),
        modules: artifacts.module_hashes(),
        subcontracts: kit
            .subcontracts
            .iter()
            .map(|terms| Charter::FirstSubcontract {
                template: keccak256(&artifacts.firewood),
                terms: firewood_terms(terms),
            })
            .collect(),
        streamsHash: keccak256((streams.to_vec(),).abi_encode_params()),
        committee: Charter::CommitteeParameters {
            graceSeconds: kit.committee.grace_seconds,
            turnSeconds: kit.committee.turn_seconds,
            finalityBlocks: kit.committee.finality_blocks,
            bond: kit.committee.bond.0,
        },
        lineage: Charter::Lineage {
            parent: kit.parent.unwrap_or_default(),
            kitId: keccak256(&kit.kit),
            kitHash: kit.kit_hash(),
            sourceHash: kit.source_hash,
        },
    }
}

/// The terms of a firewood subcontract, as its constructor takes them.
#[must_use]
pub fn firewood_terms(terms: &SubcontractTerms) -> Bytes {
    FirewoodTerms {
        stream: id(terms.stream),
        provider: id(terms.provider),
        p0: terms.p0.0,
        refGrams: terms.ref_grams,
        mu: terms.mu_bps,
        bands: terms.bands.map(|Amount(units)| units),
        shrinkageBps: terms.shrinkage_bps,
    }
    .abi_encode()
    .into()
}

/// An estimator's parameters; the wood pile's name the provider, who is known only once there are members.
fn parameters(stream: &StreamTerms, feeds: Option<&SubcontractTerms>) -> Bytes {
    match (
        stream.estimator.as_str(),
        Parameters::decode(&stream.parameters),
        feeds,
    ) {
        ("wood", Ok(parameters), Some(feeds)) => Parameters {
            provider: MemberId(id(feeds.provider)),
            ..parameters
        }
        .encode()
        .into(),
        _ => stream.parameters.clone(),
    }
}

/// A stream as the docket takes it; `feeds` is the subcontract it settles.
#[must_use]
pub fn stream_terms(stream: &StreamTerms, feeds: Option<&SubcontractTerms>) -> Docket::StreamTerms {
    Docket::StreamTerms {
        subcontract: id(stream.subcontract),
        epochKind: match stream.epoch {
            EpochKind::Day => 0,
            EpochKind::Week => 1,
            EpochKind::Period => 2,
        },
        windowSeconds: stream.window_seconds,
        zone: ascii(&stream.zone),
        custodian: id(stream.custodian),
        dataClass: stream.data_class,
        estimator: ascii(&stream.estimator),
        parameters: parameters(stream, feeds),
        modelHash: stream.model_hash,
        devices: stream.devices.iter().map(device).collect(),
    }
}

/// A device as the docket keeps it.
pub fn device(card: &DeviceCard) -> Docket::Device {
    Docket::Device {
        key: card.key,
        alg: 1,
        kind: ascii(&card.kind),
        intervalSeconds: card.interval_seconds,
        calibratedUntil: alloy::primitives::aliases::U40::saturating_from(card.calibrated_until),
    }
}

/// ASCII from the left, zeros to the right; the kit refused what is longer.
fn ascii<const N: usize>(text: &str) -> alloy::primitives::FixedBytes<N> {
    alloy::primitives::FixedBytes::right_padding_from(text.as_bytes())
}
