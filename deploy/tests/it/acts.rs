//! Every act of a member is carried by somebody else, on a charter founded by the one path (R1.8).

use alloy::consensus::Transaction as _;
use alloy::network::EthereumWallet;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::{DynProvider, Provider, ext::AnvilApi};
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy::sol_types::SolCall;
use hearth::act::{Act, Deed, Hand, LONGEST_DEADLINE};
use hearth::amount::Amount;
use hearth::artifacts::Artifacts;
use hearth::card::DeviceCard;
use hearth::carry::{CarryError, Signed};
use hearth::chain::{self, ChainError, Fee};
use hearth::digest::{self, DigestError};
use hearth::found::{self, Deployment, State};
use hearth::kit::{
    CommitteeTerms, ConsentTerms, EpochKind, FounderTerms, Kit, MandateTerms, SeatTerms, StreamTerms,
    SubcontractTerms,
};
use hearth::member::{self, Account};
use hearth::plan::Plan;
use hearth::sign::{Consent, Mandate, Signature};
use hearth::template::{self, TemplateError};
use hearth::{throwaway, view};
use hearth_bindings::{Charter, Committee, Firewood, PracticeToken, Roster};

const MONDAY: u64 = 1_767_567_600;
const H: u64 = 1_000_000;

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

fn founders() -> Vec<PrivateKeySigner> {
    ["ada", "ben", "cleo", "dan", "eve"].map(key).to_vec()
}

fn operators() -> Vec<PrivateKeySigner> {
    ["alder", "birch", "cedar", "dogwood"].map(key).to_vec()
}

fn kit() -> Kit {
    let amounts = |units: [u64; 8]| units.map(|h| Amount(h * H));
    Kit {
        name: "orchard".into(),
        kit: "firewood".into(),
        articles: "We share a pile.".into(),
        tz: 3_600,
        floor: Amount(5 * H),
        token: None,
        committee: CommitteeTerms {
            grace_seconds: 30,
            turn_seconds: 15,
            finality_blocks: 2,
            bond: Amount(10 * H),
        },
        limits: [
            200_000, 1_000, 0, 2_592_000, 1_209_600, 9_500, 5_000, 1_209_600, 300, 2_000,
        ],
        subcontracts: vec![SubcontractTerms {
            name: "firewood".into(),
            stream: 0,
            provider: 0,
            p0: Amount(H),
            ref_grams: 1_000,
            mu_bps: [0, 2_500, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000],
            bands: amounts([0, 5, 10, 20, 40, 60, 90, 120]),
            shrinkage_bps: 200,
        }],
        streams: vec![StreamTerms {
            name: "pile".into(),
            subcontract: 0,
            epoch: EpochKind::Week,
            window_seconds: 86_400,
            zone: "pile".into(),
            custodian: 0,
            data_class: 0,
            estimator: "firewood".into(),
            parameters: Bytes::new(),
            model_hash: B256::ZERO,
            devices: vec![DeviceCard {
                v: 1,
                name: "radar".into(),
                kind: "radar".into(),
                key: keccak256("radar"),
                interval_seconds: 1_800,
                calibrated_until: u64::from(u32::MAX),
            }],
        }],
        founders: founders()
            .iter()
            .zip(1u16..)
            .map(|(key, household)| FounderTerms {
                name: format!("founder-{household}"),
                key: key.address(),
                household,
                consent: ConsentTerms {
                    most_per_period: Amount(60 * H),
                    mandates: vec![Some(MandateTerms {
                        per_event: Amount(20 * H),
                        per_period: Amount(40 * H),
                        shared_per_period: Amount(H),
                    })],
                    band: 2,
                    badge: keccak256(format!("badge {household}")),
                },
            })
            .collect(),
        seats: operators()
            .iter()
            .map(|key| SeatTerms {
                name: "seat".into(),
                identity: key.address(),
                card: None,
            })
            .collect(),
        alternates: Vec::new(),
        parent: None,
        source_hash: B256::ZERO,
    }
}

struct Orchard {
    _anvil: alloy::node_bindings::AnvilInstance,
    chain: DynProvider,
    place: Deployment,
}

async fn orchard() -> Orchard {
    let anvil = throwaway::start(MONDAY).unwrap();
    let mut wallet = EthereumWallet::default();
    for key in founders()
        .into_iter()
        .chain(operators())
        .chain([key("carrier"), key("fay")])
    {
        wallet.register_signer(key);
    }
    let chain = chain::connect(&anvil.endpoint(), Some(wallet)).await.unwrap();
    // Members have no gas: whoever carries an act pays.
    for key in operators().iter().chain([&key("carrier")]) {
        chain
            .anvil_set_balance(key.address(), U256::from(10).pow(U256::from(21)))
            .await
            .unwrap();
    }
    let carrier = key("carrier").address();
    let kit = kit();
    let plan = Plan::new(&kit, &Artifacts::embedded(), anvil.chain_id());
    let signatures: Vec<Signature> = (founders().iter().zip(&kit.founders))
        .map(|(key, founder)| {
            let consent = Consent::from_terms(&founder.consent, MONDAY + 364 * 86_400);
            Signature::make(&kit, &plan, consent, key).unwrap()
        })
        .collect();
    // First without signatures, then with two, then with all: each time it goes on where it stopped (R2).
    let mut landed = 0;
    for carried in [0, 2, signatures.len()] {
        found::found(&chain, carrier, &kit, &plan, &signatures[..carried], |progress| {
            landed += usize::from(matches!(progress.state, State::Landed(_)));
        })
        .await
        .unwrap();
    }
    assert_eq!(
        landed,
        plan.steps.len() + signatures.len(),
        "no step is sent twice"
    );
    let refused = found::ignite(&chain, carrier, &kit, &plan)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("given 0 seats registered and bonded, wanted 4"),
        "no seat is registered yet: {refused}"
    );

    let place = found::found(&chain, carrier, &kit, &plan, &signatures, |_| {})
        .await
        .unwrap();
    for (number, operator) in (0u8..).zip(operators()) {
        member::deposit(
            &chain,
            &place,
            operator.address(),
            Account::Seat(number),
            Amount(10 * H),
        )
        .await
        .unwrap();
        let call = Committee::registerCall {
            id: number,
            reportKey: key(&format!("report {number}")).address(),
            transportKey: keccak256([number]),
            endpoint: "http://127.0.0.1:7000".into(),
        };
        send(&chain, operator.address(), place.committee, call.abi_encode()).await;
    }
    let place = found::ignite(&chain, carrier, &kit, &plan).await.unwrap();
    assert!(place.t0 > 0);
    Orchard {
        _anvil: anvil,
        chain,
        place,
    }
}

async fn send(chain: &DynProvider, from: Address, to: Address, data: Vec<u8>) {
    chain::land(chain, "a step of the test", chain::call(from, to, data.into()))
        .await
        .unwrap();
}

impl Orchard {
    async fn act(&self, who: &PrivateKeySigner, member: u16, nonce: u64, deed: &Deed) -> (Act, Bytes) {
        let deadline = chain::time(&self.chain).await.unwrap() + LONGEST_DEADLINE - 60;
        let act = Act::new(
            deed,
            Hand {
                member,
                nonce: U256::from(nonce),
                deadline,
            },
            &self.place,
        );
        let signature = who.sign_hash_sync(&act.digest).unwrap();
        let data = act.carried(signature.as_bytes().to_vec().into());
        (act, data)
    }

    fn file(&self, who: &PrivateKeySigner, act: &Act, data: Bytes) -> Signed {
        Signed {
            v: 1,
            chain_id: self.place.chain_id,
            to: act.to,
            data,
            key: who.address(),
            permit: None,
        }
    }

    /// Signed by one, carried by another who is nobody here.
    async fn carry(&self, who: &PrivateKeySigner, member: u16, nonce: u64, deed: Deed) {
        let (act, data) = self.act(who, member, nonce, &deed).await;
        let signed = self.file(who, &act, data.clone());
        if let Err(error) = signed.read(&self.chain, &self.place).await {
            panic!("{}: {error}", act.name);
        }
        let tx = chain::call(key("carrier").address(), act.to, data);
        chain::land(&self.chain, act.name, tx)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", act.name));
        assert!(act.sentence.ends_with('.'), "{}", act.sentence);
    }

    async fn terms_hash(&self) -> B256 {
        Charter::new(self.place.charter, &self.chain)
            .termsHashOf(1)
            .call()
            .await
            .unwrap()
    }
}

/// R1.8, R19: whoever carries an act to a subcontract calls its code, which any member may have written.
#[tokio::test]
async fn r19_an_act_for_code_of_no_known_template_is_not_read() {
    let orchard = orchard().await;
    let (chain, place, ben) = (&orchard.chain, &orchard.place, &founders()[1]);
    let charter = Charter::new(place.charter, chain);
    let wood = charter.subcontractAt(1).call().await.unwrap();
    // A minimal proxy (ERC-1167): it answers as firewood does, until its maker has it do otherwise.
    let code = [
        &hex::decode("3d602d80600a3d3981f3363d3d373d3d3d363d73").unwrap()[..],
        wood.as_slice(),
        &hex::decode("5af43d82803e903d91602b57fd5bf3").unwrap(),
    ]
    .concat()
    .into();
    let terms = Bytes::from_static(b"as firewood's");
    orchard.carry(ben, 2, 1, Deed::Open { code, terms }).await;
    let alike = charter.subcontractAt(2).call().await.unwrap();
    let bounds = Firewood::new(alike, chain).terms().call().await.unwrap().bounds;

    let mut read = Vec::new();
    for (subcontract, at) in [(1, wood), (2, alike)] {
        let deed = Deed::DeclareBand {
            subcontract,
            place: at,
            band: 3,
            means_from: Amount(bounds[3]),
        };
        let (act, data) = orchard.act(ben, 2, 2, &deed).await;
        let signed = orchard.file(ben, &act, data);
        read.push(signed.read(chain, place).await);
    }

    assert!(read[0].is_ok());
    assert!(matches!(
        read[1],
        Err(CarryError::Template(TemplateError::Unknown {
            subcontract: 2,
            ..
        }))
    ));
    assert!(matches!(
        template::known(chain, place, 9).await,
        Err(TemplateError::NoSubcontract { given: 9 })
    ));
    // As a node is that keeps only the newest logs.
    let pruned = Deployment {
        from_block: chain.get_block_number().await.unwrap() + 1,
        ..place.clone()
    };
    assert!(matches!(
        template::known(chain, &pruned, 1).await,
        Err(TemplateError::NoLog { subcontract: 1 })
    ));
}

#[tokio::test]
async fn r1_8_members_act_without_gas_and_anybody_carries() {
    let orchard = orchard().await;
    let people = founders();
    let (chain, place) = (&orchard.chain, &orchard.place);

    // The carrier pays money in as a gift of the token; ben then approves and signs his own deposit.
    let token = PracticeToken::new(place.token, chain);
    let carrier = key("carrier").address();
    let ben = people[1].address();
    let mint = PracticeToken::mintCall {
        to: ben,
        amount: U256::from(50 * H),
    };
    send(chain, carrier, place.token, mint.abi_encode()).await;
    chain
        .anvil_set_balance(ben, U256::from(10).pow(U256::from(18)))
        .await
        .unwrap();
    let approve = PracticeToken::approveCall {
        spender: place.ledger,
        value: U256::from(50 * H),
    };
    send(chain, ben, place.token, approve.abi_encode()).await;
    orchard
        .carry(
            &people[1],
            2,
            1,
            Deed::Deposit {
                amount: Amount(50 * H),
            },
        )
        .await;
    orchard
        .carry(
            &people[1],
            2,
            2,
            Deed::Withdraw {
                amount: Amount(8 * H),
            },
        )
        .await;
    assert_eq!(
        member::free(chain, place, Account::Member(2)).await.unwrap(),
        42 * H
    );
    assert_eq!(token.balanceOf(ben).call().await.unwrap(), U256::from(8 * H));

    let terms_hash = orchard.terms_hash().await;
    let mandate = Mandate {
        subcontract: 1,
        per_event: 7 * H,
        per_period: 9 * H,
        shared_per_period: 0,
        expiry: chain::time(chain).await.unwrap() + 300 * 86_400,
    };
    orchard
        .carry(&people[1], 2, 3, Deed::SignMandate { mandate, terms_hash })
        .await;
    orchard
        .carry(&people[1], 2, 4, Deed::LimitGlobal { most: Amount(30 * H) })
        .await;
    let page = view::me(chain, place, 2).await.unwrap();
    assert_eq!(
        (page.mandates[0].per_event, page.mandates[0].per_period),
        (7 * H, 9 * H)
    );

    let candidate = key("fay").address();
    orchard
        .carry(
            &people[0],
            1,
            1,
            Deed::Nominate {
                candidate,
                household: 9,
            },
        )
        .await;
    let roster = Roster::new(place.roster, chain);
    let nomination = roster.nominationCount().call().await.unwrap();
    orchard
        .carry(
            &people[1],
            2,
            5,
            Deed::Vouch {
                nomination,
                candidate,
            },
        )
        .await;
    orchard
        .carry(
            &people[2],
            3,
            2,
            Deed::Vouch {
                nomination,
                candidate,
            },
        )
        .await;
    orchard
        .carry(
            &people[3],
            4,
            1,
            Deed::Object {
                nomination,
                candidate,
            },
        )
        .await;
    let articles = Charter::new(place.charter, chain)
        .articlesHash()
        .call()
        .await
        .unwrap();
    orchard
        .carry(
            &key("fay"),
            0,
            1,
            Deed::Join {
                nomination,
                household: 9,
                articles,
            },
        )
        .await;

    orchard
        .carry(
            &people[3],
            4,
            2,
            Deed::Repeal {
                subcontract: 1,
                terms_hash,
            },
        )
        .await;
    orchard
        .carry(&people[3], 4, 3, Deed::RevokeMandate { subcontract: 1 })
        .await;
    orchard.carry(&people[4], 5, 1, Deed::Leave).await;
    assert!(!roster.isMember(5).call().await.unwrap());

    // Founders declared their bands at founding, and may again after 30 days (R8).
    chain.anvil_increase_time(31 * 86_400).await.unwrap();
    chain.anvil_mine(Some(1), None).await.unwrap();
    let wood = place.subcontracts[0].address;
    let band = Deed::DeclareBand {
        subcontract: 1,
        place: wood,
        band: 3,
        means_from: Amount(20 * H),
    };
    orchard.carry(&people[2], 3, 1, band).await;
    let later =
        alloy::primitives::aliases::U40::saturating_from(chain::time(chain).await.unwrap() + 2 * 86_400);
    assert_eq!(
        Firewood::new(wood, chain)
            .declaredAt(3, later)
            .call()
            .await
            .unwrap(),
        3
    );

    let status = view::status(chain, place).await.unwrap();
    assert_eq!((status.population, status.seats.len()), (4, 4));
    assert!(matches!(
        digest::digest(chain, place, 1, None).await,
        Err(DigestError::NotSettled {
            word: "week",
            given: None
        })
    ));
}

/// Whoever carries pays what they were told at most, also where it takes more by the time they agree, and whatever the
/// node then says that gas costs.
#[tokio::test]
async fn what_takes_more_gas_than_was_told_is_not_sent() {
    let orchard = orchard().await;
    let deed = Deed::LimitGlobal { most: Amount(10 * H) };
    let carrier = key("carrier").address();
    let (act, data) = orchard.act(&founders()[0], 1, 7, &deed).await;
    let tx = chain::call(carrier, act.to, data);
    let takes = chain::estimated(&orchard.chain, act.name, &tx).await.unwrap();
    let fee = Fee::Capped {
        most: 7_000_000_007,
        tip: 3,
    };
    let before = orchard.chain.get_transaction_count(carrier).await.unwrap();

    let refused = chain::land_within(&orchard.chain, act.name, tx.clone(), takes - 1, fee).await;

    assert!(matches!(
        refused,
        Err(ChainError::Dearer { told, wanted, .. }) if (told, wanted) == (takes - 1, takes)
    ));
    assert_eq!(
        orchard.chain.get_transaction_count(carrier).await.unwrap(),
        before
    );

    let landed = chain::land_within(&orchard.chain, act.name, tx, takes, fee)
        .await
        .unwrap();

    assert!(landed.gas_used <= takes);
    let hash = landed.transaction_hash;
    let sent = orchard
        .chain
        .get_transaction_by_hash(hash)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (sent.max_fee_per_gas(), sent.max_priority_fee_per_gas()),
        (7_000_000_007, Some(3))
    );
    assert_eq!(fee.cost(1_000_000), "0.007000000007");
}

#[tokio::test]
async fn r1_8_a_signature_is_taken_once_and_from_its_member_only() {
    let orchard = orchard().await;
    let people = founders();
    let deed = Deed::LimitGlobal { most: Amount(10 * H) };
    let carrier = key("carrier").address();
    let (act, data) = orchard.act(&people[0], 1, 7, &deed).await;
    chain::land(
        &orchard.chain,
        act.name,
        chain::call(carrier, act.to, data.clone()),
    )
    .await
    .unwrap();
    let again = chain::land(&orchard.chain, act.name, chain::call(carrier, act.to, data))
        .await
        .unwrap_err();
    assert!(again.to_string().contains("NonceAlreadySpent"), "{again}");

    let (act, forged) = orchard.act(&people[1], 1, 8, &deed).await;
    let refused = chain::land(&orchard.chain, act.name, chain::call(carrier, act.to, forged))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("SignatureInvalid"), "{refused}");
}

/// R1.8: what somebody is told as their own act, or another's, is what that key signed; a contract may refuse the rest of
/// it before it looks at the signature.
#[tokio::test]
async fn r1_8_what_its_member_did_not_sign_is_not_read() {
    let orchard = orchard().await;
    let people = founders();
    let (ada, mallory) = (&people[0], &key("mallory"));
    let (chain, place) = (&orchard.chain, &orchard.place);
    let now = chain::time(chain).await.unwrap();
    let limit = Deed::LimitGlobal { most: Amount(10 * H) };
    let unfit = Deed::ObjectToSubcontract {
        subcontract: 1,
        terms_hash: orchard.terms_hash().await,
        reason: B256::ZERO,
    };
    let articles = Charter::new(place.charter, chain)
        .articlesHash()
        .call()
        .await
        .unwrap();
    let unknown = Deed::Join {
        nomination: U256::from(9),
        household: 0,
        articles,
    };

    // By whom, said to be whose, of which member, until when; and what comes of it.
    for (deed, by, whose, member, days, good) in [
        (&limit, ada, ada, 1, 6, true),
        // Too long, or in no state for it: but signed, and perhaps to be voided.
        (&limit, ada, ada, 1, 30, true),
        (&unfit, ada, ada, 1, 6, true),
        (&limit, mallory, ada, 1, 30, false),
        (&unfit, mallory, ada, 1, 6, false),
        (&limit, mallory, mallory, 1, 6, false),
        (&limit, ada, ada, 2, 6, false),
        (&limit, ada, ada, 0, 6, false),
        (&limit, ada, ada, 99, 6, false),
        (&unknown, mallory, mallory, 0, 6, false),
    ] {
        let hand = Hand {
            member,
            nonce: U256::from(77),
            deadline: now + days * 86_400,
        };
        let act = Act::new(deed, hand, place);
        let signature = by.sign_hash_sync(&act.digest).unwrap();
        let signed = orchard.file(whose, &act, act.carried(signature.as_bytes().to_vec().into()));

        let read = signed.read(chain, place).await;

        let refused = matches!(read, Err(CarryError::Signature { .. }));
        assert_eq!((read.is_ok(), refused), (good, !good), "{} of {member}", act.name);
    }
}
