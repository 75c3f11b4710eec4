//! A founding that is stopped again and again still founds, once (R2).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use alloy::network::EthereumWallet;
use alloy::primitives::{B256, U256, keccak256};
use alloy::providers::ext::AnvilApi;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use hearth::amount::Amount;
use hearth::artifacts::Artifacts;
use hearth::chain;
use hearth::found::{FoundError, State, found, ignite};
use hearth::kit::{KITS, Kit};
use hearth::member::{self, Account};
use hearth::plan::Plan;
use hearth::sign::{Consent, LONGEST_MANDATE, Signature};
use hearth::throwaway;
use hearth_bindings::{Charter, Committee};

/// Monday, 5 January 2026, 12:00 UTC.
const BEGIN: u64 = 1_767_614_400;

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

fn charter(people: &[PrivateKeySigner], seats: &[PrivateKeySigner]) -> Kit {
    let mut text = String::from("name = \"birch-lane\"\n");
    text += KITS[0].1;
    for (at, person) in people.iter().enumerate() {
        text += &format!(
            "[[founders]]\nname = \"founder-{at}\"\nkey = \"{}\"\nhousehold = 1\nband = {at}\n",
            person.address()
        );
        if at == 0 {
            text += "provides = [\"firewood\"]\nkeeps = [\"wood-pile\"]\n";
        }
    }
    for seat in seats {
        text += &format!("[[seats]]\nidentity = \"{}\"\n", seat.address());
    }
    let device = B256::repeat_byte(0x21);
    text += &format!(
        "[[devices]]\nstream = \"wood-pile\"\nkey = \"{device}\"\nkind = \"radar\"\ninterval_seconds = 60\ncalibrated_until = 0\n"
    );
    Kit::parse(&text, Path::new("")).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Runs a founding until `stop` is set, then drops it where it stands.
async fn until<T>(stop: &Cell<bool>, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if stop.get() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

#[tokio::test]
async fn r2_a_founding_stopped_at_every_step_goes_on_and_lands_each_step_once() {
    let people: Vec<_> = (0..3).map(|at| key(&format!("founder {at}"))).collect();
    let seats: Vec<_> = (0..4).map(|at| key(&format!("seat {at}"))).collect();
    let mut wallet = EthereumWallet::default();
    for signer in people.iter().chain(&seats) {
        wallet.register_signer(signer.clone());
    }
    let anvil = throwaway::start(BEGIN).unwrap();
    let chain = chain::connect(&anvil.endpoint(), Some(wallet)).await.unwrap();
    for signer in people.iter().chain(&seats) {
        chain
            .anvil_set_balance(signer.address(), U256::from(10).pow(U256::from(21)))
            .await
            .unwrap();
    }
    let kit = charter(&people, &seats);
    let plan = Plan::new(&kit, &Artifacts::embedded(), anvil.chain_id());
    let expiry = BEGIN + LONGEST_MANDATE - 86_400;
    let signatures: Vec<_> = people
        .iter()
        .zip(&kit.founders)
        .map(|(person, founder)| {
            Signature::make(&kit, &plan, Consent::from_terms(&founder.consent, expiry), person).unwrap()
        })
        .collect();
    let sender = people[0].address();
    let landed: RefCell<BTreeMap<usize, u32>> = RefCell::default();

    // Each run is stopped twice: as the first step left is about to be sent, and right after it landed.
    let mut runs = 0;
    let place = loop {
        let stop = Cell::new(false);
        let sending = found(&chain, sender, &kit, &plan, &signatures, |told| {
            stop.set(stop.get() || told.state == State::Sending);
        });
        let stopped = until(&stop, sending).await;
        let stop = Cell::new(false);
        let landing = found(&chain, sender, &kit, &plan, &signatures, |told| {
            if let State::Landed(gas) = told.state {
                assert!(gas > 21_000);
                *landed.borrow_mut().entry(told.step).or_default() += 1;
                stop.set(true);
            }
        });
        match (stopped, until(&stop, landing).await) {
            (Some(whole), Some(again)) => {
                assert_eq!(
                    whole.unwrap(),
                    again.as_ref().unwrap().clone(),
                    "a whole founding only looks"
                );
                break again.unwrap();
            }
            _ => runs += 1,
        }
        assert!(
            runs <= 2 * (plan.steps.len() + signatures.len()),
            "the founding does not go on"
        );
    };

    let steps: Vec<usize> = (1..=plan.steps.len() + signatures.len()).collect();
    assert_eq!(
        landed.borrow().keys().copied().collect::<Vec<_>>(),
        steps,
        "every step landed"
    );
    assert!(
        landed.borrow().values().all(|times| *times == 1),
        "each once: {:?}",
        landed.borrow()
    );
    assert_eq!(place.signed, [1, 2, 3]);
    assert_eq!((place.charter, place.t0), (plan.foreseen.charter, 0));
    let on_chain = Charter::new(place.charter, &chain);
    assert_eq!(on_chain.proposalHash().call().await.unwrap(), plan.proposal_hash);

    // R2.2: not before the seats have registered and bonded.
    let refused = ignite(&chain, sender, &kit, &plan).await.unwrap_err().to_string();
    assert!(
        refused.contains("given 0 seats registered and bonded, wanted 4") && refused.contains("[Missing]"),
        "four seats are wanted: {refused}"
    );
    let bond = Amount(member::bond(&chain, &place).await.unwrap());
    for (number, seat) in (0u8..).zip(&seats) {
        member::deposit(&chain, &place, seat.address(), Account::Seat(number), bond)
            .await
            .unwrap();
        let call = Committee::registerCall {
            id: number,
            reportKey: key(&format!("report key {number}")).address(),
            transportKey: keccak256([number]),
            endpoint: "http://127.0.0.1:7000".into(),
        };
        let tx = chain::call(seat.address(), place.committee, call.abi_encode().into());
        chain::land(&chain, "registering a seat", tx).await.unwrap();
    }
    let lit = ignite(&chain, sender, &kit, &plan).await.unwrap();
    assert!(lit.t0 >= BEGIN);
    assert_eq!(
        ignite(&chain, sender, &kit, &plan).await.unwrap(),
        lit,
        "igniting again changes nothing"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = lit.write(folder.path()).unwrap();
    assert_eq!(hearth::found::Deployment::read(&file).unwrap(), lit);
}

#[tokio::test]
async fn r2_1_a_signature_for_another_plan_is_refused_before_anything_is_sent() {
    let people: Vec<_> = (0..3).map(|at| key(&format!("founder {at}"))).collect();
    let seats: Vec<_> = (0..4).map(|at| key(&format!("seat {at}"))).collect();
    let kit = charter(&people, &seats);
    let plan = Plan::new(&kit, &Artifacts::embedded(), 31_337);
    let consent = Consent::from_terms(&kit.founders[1].consent, BEGIN + LONGEST_MANDATE - 86_400);
    let signature = Signature::make(&kit, &plan, consent, &people[1]).unwrap();
    signature.check(&kit, &plan).unwrap();

    let mut dearer = kit.clone();
    dearer.subcontracts[0].p0 = Amount(9_000_000);
    let other = Plan::new(&dearer, &Artifacts::embedded(), 31_337);
    assert_ne!(other.hash(), plan.hash());
    let anvil = throwaway::start(BEGIN).unwrap();
    let chain = chain::connect(&anvil.endpoint(), None).await.unwrap();
    let signatures = [signature];
    let refused = found(&chain, people[0].address(), &dearer, &other, &signatures, |_| {
        panic!("nothing may be sent");
    });
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, FoundError::Signature(_)), "{refused}");
}
