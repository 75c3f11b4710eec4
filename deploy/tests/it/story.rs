//! A polity's whole story through the real binary, as people type it: exit codes and JSON, on a real chain (R1, R2, R5, R7).
//!
//! Every act of a member is done twice: sent from their own key by one, signed by another and carried by who is nobody.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use alloy::network::EthereumWallet;
use alloy::node_bindings::AnvilInstance;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::{DynProvider, Provider, ext::AnvilApi};
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy::sol_types::SolCall;
use hearth::act::{Act, Deed, Hand};
use hearth::found::Deployment;
use hearth::member::Account;
use hearth::{calendar, chain, throwaway};
use hearth_bindings::{Charter, Committee, Docket, Ledger, PracticeToken};
use hearth_keystore::Password;
use hearth_oracle_core::chain::Domain;
use hearth_oracle_core::report::Report;
use hearth_oracle_core::types::{Attempt, Calendar, EpochKind, StreamId, SubcontractId, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Monday, 5 January 2026, 00:00 at +01:00.
const MONDAY: u64 = 1_767_567_600;
const DAY: u64 = 86_400;
const TZ: i32 = 3_600;
const PEOPLE: [&str; 5] = ["ada", "bo", "cleo", "dan", "eve"];
const SEATS: [&str; 4] = ["alder", "birch", "cedar", "dogwood"];
const BAD_INPUT: i32 = 64;
const UNREACHABLE: i32 = 69;
const TRY_AGAIN: i32 = 75;

struct Story {
    folder: TempDir,
    anvil: AnvilInstance,
    chain: DynProvider,
    /// Who is nobody here, and pays for what others sign.
    carrier: PrivateKeySigner,
}

impl Story {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cards", "acts"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let password = folder.path().join("password");
        std::fs::write(&password, "a story guards nothing\n").unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        let anvil = throwaway::start(MONDAY - DAY).unwrap();
        let carrier = PrivateKeySigner::from_bytes(&keccak256("carrier")).unwrap();
        let wallet = EthereumWallet::from(carrier.clone());
        let chain = chain::connect(&anvil.endpoint(), Some(wallet)).await.unwrap();
        let story = Self {
            folder,
            anvil,
            chain,
            carrier,
        };
        story.fuel(story.carrier.address()).await;
        story
    }

    async fn fuel(&self, who: Address) {
        let plenty = U256::from(10).pow(U256::from(20));
        self.chain.anvil_set_balance(who, plenty).await.unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, who: &str, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .arg("--json")
            .env("HEARTH_PASSWORD_FILE", "password")
            .env("HEARTH_RPC_URL", self.anvil.endpoint())
            .env("HEARTH_KEYSTORE", format!("{who}.key"));
        // Quoted words stay together, as in a shell.
        for (at, part) in words.split('"').enumerate() {
            if at % 2 == 1 {
                command.arg(part);
            } else {
                command.args(part.split_whitespace());
            }
        }
        command.output().unwrap()
    }

    /// What a command that works prints.
    fn says(&self, who: &str, words: &str) -> Value {
        let output = self.run(who, words);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{who}: hearth {words}: {talk}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{who}: hearth {words}: {error} in {text:?}, {talk}"));
        assert_eq!(said["v"], 1, "{words}");
        said
    }

    /// A command that does not work: its exit code, and words that must be in what it says.
    fn fails(&self, who: &str, words: &str, code: i32, wanted: &str) {
        let output = self.run(who, words);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{who}: hearth {words}: {talk}");
        assert!(
            talk.contains(wanted),
            "{who}: hearth {words}: wanted {wanted:?} in {talk}"
        );
    }

    /// A member's act, sent from their own key.
    fn sends(&self, who: &str, words: &str) -> Value {
        self.says(who, &format!("{words} --yes"))
    }

    /// A member's act, only signed; then carried by the carrier, who can do so once.
    fn signs(&self, who: &str, words: &str) {
        let file = "acts/signed.json";
        let signed = self.says(who, &format!("{words} --yes --sign-only {file}"));
        assert_eq!(signed["transaction"], Value::Null, "{words}: nothing is sent");
        let carried = self.says("carrier", &format!("carry {file} --yes"));
        assert!(carried["transaction"].is_string(), "{words}");
        assert_eq!(carried["deed"], signed["deed"]);
        let again = format!("carry {file} --yes");
        self.fails("carrier", &again, 1, "was carried already");
        std::fs::remove_file(self.path(file)).unwrap();
    }

    /// Waits until this time, unless the commands before took that long.
    async fn at(&self, time: u64) {
        let now = chain::time(&self.chain).await.unwrap();
        self.chain
            .anvil_increase_time(time.saturating_sub(now))
            .await
            .unwrap();
        self.chain.anvil_mine(Some(1), None).await.unwrap();
    }

    fn place(&self) -> Deployment {
        Deployment::read(&self.path("deployments/31337.json")).unwrap()
    }

    async fn send(&self, to: Address, call: impl SolCall) {
        let tx = chain::call(self.carrier.address(), to, call.abi_encode().into());
        chain::land(&self.chain, "a step of the story", tx).await.unwrap();
    }

    /// What `hearth` has no word for: cards of seats and devices, which `hearth-oracle` makes.
    async fn cards(&self) {
        for name in PEOPLE {
            let card = self.says("nobody", &format!("key {name}.key --name {name}"));
            write(&self.path(&format!("cards/{name}.json")), &card);
            assert_eq!(
                self.says("nobody", &format!("key {name}.key --name {name}")),
                card,
                "a card is printed again, and the key stays"
            );
            self.fuel(card["key"].as_str().unwrap().parse().unwrap()).await;
        }
        std::fs::create_dir(self.path("keys")).unwrap();
        for (seat, name) in SEATS.iter().enumerate() {
            let made = self.says("nobody", &format!("key {name}.key --name {name}"));
            self.fuel(made["key"].as_str().unwrap().parse().unwrap()).await;
            let card = json!({
                "card": "seat", "v": 1, "name": name, "identity": made["key"],
                "reportKey": report_key(seat).address(), "transportKey": keccak256(name),
                "endpoint": "http://127.0.0.1:7000",
            });
            write(&self.path(&format!("cards/seat-{name}.json")), &card);
        }
        write(&self.path("cards/radar.json"), &device("radar"));
        write(&self.path("radar-2.json"), &device("radar-2"));
        write(&self.path("radar-3.json"), &device("radar-3"));
        write(&self.path("radar-4.json"), &device("radar-4"));
        write(&self.path("radar-7.json"), &device("radar-7"));
        for name in ["carrier", "fay", "gus"] {
            let made = self.says("nobody", &format!("key {name}.key --name {name}"));
            if name != "gus" {
                self.fuel(made["key"].as_str().unwrap().parse().unwrap()).await;
            }
        }
    }

    /// A quorum's report of one week, in which ada, cleo and dan took wood, and somebody who did not tap took more.
    async fn report(&self, begin: u64) -> Report {
        let place = self.place();
        let mut payload = B256::ZERO.to_vec();
        payload.extend(8_u32.to_be_bytes());
        payload.extend(8_000_u32.to_be_bytes());
        for member in [1_u16, 3, 4] {
            payload.extend(member.to_be_bytes());
            payload.extend(2_u16.to_be_bytes());
            payload.extend(2_000_u32.to_be_bytes());
        }
        let end = begin + calendar::WEEK;
        let counted = Calendar {
            tz: TZ,
            ignition: place.t0,
        };
        let report = Report {
            subcontract: SubcontractId(1),
            stream: StreamId(1),
            epoch: counted.epoch_at(EpochKind::Week, begin),
            attempt: Attempt(0),
            version: 1,
            observed_from: begin,
            observed_to: end,
            verdict: Verdict::Ok,
            confidence: 10_000,
            coverage: 10_000,
            parent: B256::ZERO,
            envelopes: keccak256("envelopes"),
            payload: payload.into(),
        };
        let digest = report.digest(&Domain {
            chain_id: place.chain_id,
            docket: place.docket,
        });
        let mut header = report.header();
        let mut seal = Vec::new();
        for seat in 0..3 {
            header |= U256::from(1) << seat;
            seal.extend(report_key(seat).sign_hash_sync(&digest).unwrap().as_erc2098());
        }
        let submit = Docket::submitCall {
            header,
            envelopes: report.envelopes,
            payload: report.payload.clone(),
            seal: seal.into(),
        };
        self.send(place.docket, submit).await;
        report
    }
}

fn report_key(seat: usize) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(format!("report key {seat}"))).unwrap()
}

fn device(name: &str) -> Value {
    json!({
        "card": "device", "v": 1, "name": name, "kind": "radar", "key": keccak256(name),
        "intervalSeconds": 1_800, "calibratedUntil": u32::MAX,
    })
}

fn write(path: &Path, value: &Value) {
    std::fs::write(path, value.to_string()).unwrap();
}

/// A second subcontract: `price` tells one from another.
fn opening(name: &str, price: &str, device: &str) -> String {
    let page = include_str!("../../../docs/founding.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    text.replace("willow-pile = \"willow.model\"\n", "")
        .replace("willow-wood", name)
        .replace("0.5 H", price)
        .replace("cards/radar-2.card.json", device)
}

/// Founders agree on a charter, carry it out and ignite it; every wrong step is met by help.
async fn founded(story: &Story) {
    story.cards().await;
    story.fails(
        "ada",
        "new birch-lane --provider zoe",
        BAD_INPUT,
        "no member's card bears the name \"zoe\"",
    );
    let bands = "--band ada=3 --band bo=2 --band cleo=4 --band dan=2 --household ada=1 --household bo=1";
    story.says("ada", &format!("new birch-lane --provider bo {bands}"));
    story.fails(
        "ada",
        "new birch-lane --provider bo",
        BAD_INPUT,
        "never overwritten",
    );
    // A fixed model serves: what it sees is the witness's matter.
    let charter = std::fs::read_to_string(story.path("birch-lane.toml")).unwrap();
    assert_eq!(story.says("ada", "check birch-lane.toml")["files"][0]["ok"], true);
    std::fs::write(
        story.path("wrong.toml"),
        charter.replace("bond = \"10 H\"", "bond = 10"),
    )
    .unwrap();
    story.fails(
        "ada",
        "check wrong.toml",
        BAD_INPUT,
        "given a whole number, wanted an amount",
    );

    let plan = story.says("ada", "plan birch-lane.toml");
    assert_eq!(
        plan["hash"],
        story.says("bo", "plan birch-lane.toml --chain-id 31337")["hash"]
    );
    assert_eq!(plan["canLose"].as_array().unwrap().len(), PEOPLE.len());
    assert_eq!(plan["gasBy"], "simulation");
    let foreseen: Vec<u64> = (plan["calls"].as_array().unwrap().iter())
        .map(|call| call["gas"].as_u64().unwrap())
        .collect();
    story.fails(
        "fay",
        "sign birch-lane.toml --yes",
        BAD_INPUT,
        "no founder's of birch-lane",
    );
    for name in PEOPLE {
        story.says(name, "sign birch-lane.toml --yes");
    }
    let hash = plan["hash"].as_str().unwrap();
    story.fails(
        "carrier",
        "found birch-lane.toml",
        BAD_INPUT,
        "say --yes and the plan's hash",
    );
    story.fails(
        "carrier",
        &format!("found birch-lane.toml --yes {}", B256::ZERO),
        BAD_INPUT,
        hash,
    );
    let carrier = hearth_keystore::address(&story.path("carrier.key")).unwrap();
    story.fuel(carrier).await;
    for (who, words) in [
        ("ada", "status"),
        ("ada", "me"),
        ("alder", "seat cards/seat-alder.json --yes"),
    ] {
        let says = "not founded on chain 31337 yet: there is no deployments/31337.json; `hearth found";
        story.fails(who, words, TRY_AGAIN, says);
    }
    story.fails(
        "carrier",
        "ignite birch-lane.toml",
        TRY_AGAIN,
        "birch-lane is not founded on chain 31337 yet: there is no contract at 0x",
    );
    let found = format!("found birch-lane.toml --yes {hash}");
    let before = story.chain.get_block_number().await.unwrap();
    let place = story.says("carrier", &found);
    for (number, gas) in (before + 1..).zip(foreseen) {
        let block = story
            .chain
            .get_block_by_number(number.into())
            .await
            .unwrap()
            .unwrap();
        let took = block.header.gas_used;
        assert!(
            gas.abs_diff(took) * 50 <= took,
            "step {}: foreseen {gas}, took {took}",
            number - before
        );
    }
    assert_eq!(
        place,
        story.says("carrier", &found),
        "founding again changes nothing"
    );
    assert_eq!(place["signed"], json!([1, 2, 3, 4, 5]));
    // What another chain of the same id holds is not what stands here.
    let mut elsewhere = story.place();
    elsewhere.charter = Address::repeat_byte(9);
    elsewhere.write(&story.path("elsewhere")).unwrap();
    story.fails(
        "ada",
        "--deployments elsewhere status",
        TRY_AGAIN,
        "where this chain has no contract",
    );
    assert_eq!(
        place["charter"], plan["foreseen"]["charter"],
        "founded where it was foreseen"
    );
    let plan = story.says("ada", "plan birch-lane.toml");
    assert_eq!((&plan["gas"], &plan["costEther"]), (&json!(0), &json!("0")));
    let done = &plan["done"];
    assert!(done.as_array().unwrap().iter().all(|done| done == true), "{done}");

    story.fails(
        "carrier",
        "ignite birch-lane.toml",
        1,
        "given 0 seats registered and bonded, wanted 4",
    );
    for name in SEATS {
        story.fails(name, "seat cards/ada.json --yes", BAD_INPUT, "not a seat's card");
        story.says(name, &format!("seat cards/seat-{name}.json --yes"));
    }
    for name in PEOPLE {
        story.sends(name, "deposit \"90 H\"");
    }
    story.at(MONDAY - 300).await;
    let place = story.says("carrier", "ignite birch-lane.toml");
    assert!(place["t0"].as_u64().unwrap() >= MONDAY - 300);
}

/// R5 track A: opened, signed, objected to, taken back, enacted, repealed.
async fn subcontracts(story: &Story) {
    std::fs::write(
        story.path("willow.toml"),
        opening("willow-wood", "0.5 H", "radar-2.json").replace("epoch = \"week\"", "epoch = \"day\""),
    )
    .unwrap();
    std::fs::write(
        story.path("reed.toml"),
        opening("reed-wood", "0.7 H", "radar-3.json"),
    )
    .unwrap();
    assert_eq!(story.says("bo", "check willow.toml")["files"][0]["ok"], true);
    let wrong = opening("willow-wood", "nothing", "radar-2.json");
    std::fs::write(story.path("wrong.toml"), wrong).unwrap();
    story.fails(
        "bo",
        "open wrong.toml --yes",
        BAD_INPUT,
        "wrong.toml:7:6: subcontracts[0].p0: given \"nothing\"",
    );
    let wrong = opening("willow-wood", "1 H", "radar-2.json").replace("birch-lane", "elm-lane");
    std::fs::write(story.path("wrong.toml"), wrong).unwrap();
    story.fails(
        "bo",
        "open wrong.toml --yes",
        BAD_INPUT,
        "for the charter elm-lane",
    );
    story.fails("carrier", "open willow.toml --yes", BAD_INPUT, "no member's key");
    // What could only fail once it is sent is refused before.
    let blocks = story.chain.get_block_number().await.unwrap();
    for (key, says) in [
        ("provider = 2", "subcontracts[0].provider: given 9"),
        ("custodian = 2", "streams[0].custodian: given 9"),
    ] {
        let wrong = opening("willow-wood", "1 H", "radar-2.json").replace(key, &key.replace('2', "9"));
        std::fs::write(story.path("wrong.toml"), wrong).unwrap();
        story.fails("bo", "open wrong.toml --yes", BAD_INPUT, says);
    }
    for (card, stream) in [("cards/radar.json", 1), ("radar-5.json", 1)] {
        std::fs::write(story.path("wrong.toml"), opening("willow-wood", "1 H", card)).unwrap();
        let says = format!("which belongs to stream {stream} for ever");
        story.fails("bo", "open wrong.toml --yes", BAD_INPUT, &says);
    }
    assert_eq!(
        story.chain.get_block_number().await.unwrap(),
        blocks,
        "nothing was sent"
    );

    let opened = story.sends("bo", "open willow.toml");
    assert_eq!(
        (&opened["subcontract"], &opened["stream"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        story.sends("bo", "open willow.toml"),
        opened,
        "opening again changes nothing"
    );
    let status = story.says("ada", "status");
    assert_eq!(status["subcontracts"][1]["name"], "willow-wood");
    assert_eq!(status["subcontracts"][1]["state"], "open");
    assert_eq!(status["streams"][1]["name"], "willow-pile");
    assert_eq!(status["subcontracts"][1]["opened"]["sponsor"], 2);
    story.fails(
        "ada",
        "digest --subcontract 2",
        TRY_AGAIN,
        "no day has settled yet",
    );

    // Cleo signs twice, to open it and to enrol its stream; who carries it pays.
    story.signs("cleo", "open reed.toml");
    story.signs("cleo", "open reed.toml");
    let reed = story.sends("cleo", "open reed.toml");
    assert_eq!(
        (&reed["subcontract"], &reed["enrolled"]),
        (&json!(3), &json!(true))
    );
    story.fails(
        "dan",
        "object 3 -m \" \" --yes",
        BAD_INPUT,
        "wanted why it harms you",
    );
    story.sends("dan", "object 3 -m \"my well is beside it\"");
    story.signs("eve", "object 3 -m \"and mine\"");
    story.fails(
        "dan",
        "withdraw-proposal 3 --yes",
        1,
        "was opened by cleo, and only they can take it back, not dan",
    );
    story.signs("cleo", "withdraw-proposal 3");
    // A device's key serves one stream for ever, so what was taken back is opened anew with a new one.
    let reed_of = |card: &str| {
        std::fs::write(story.path("reed.toml"), opening("reed-wood", "0.7 H", card)).unwrap();
    };
    story.fails(
        "cleo",
        "open reed.toml --yes",
        BAD_INPUT,
        "which belongs to stream 3 for ever",
    );
    reed_of("radar-4.json");
    story.sends("cleo", "open reed.toml");
    story.sends("cleo", "withdraw-proposal 4");
    reed_of("radar-7.json");
    story.fails("cleo", "open reed.toml --yes", 1, "TooManyOpen");

    story.fails("carrier", "enact 2", TRY_AGAIN, "it can be enacted from Wed");
    story.fails("carrier", "enact 9", BAD_INPUT, "there is no subcontract 9");
    let caps = "--per-event \"5 H\" --per-period \"9 H\" --shared \"0 H\"";
    story.fails(
        "ada",
        &format!("mandate sign 2 {caps} --yes"),
        1,
        "bo, who opened subcontract 2, signs it first",
    );
    story.sends("bo", &format!("mandate sign 2 {caps}"));
    story.at(opened["from"].as_u64().unwrap()).await;
    story.fails("carrier", "enact 2", TRY_AGAIN, "1 signed its mandate, wanted 2");
    story.signs("cleo", &format!("mandate sign 2 {caps}"));
    story.says("carrier", "enact 2");
    assert_eq!(
        story.says("carrier", "enact 2")["transaction"],
        Value::Null,
        "enacted once"
    );
    assert_eq!(story.says("carrier", "poke 2")["state"], "enacted");

    // What she took back has its place for 72 hours.
    story.at(reed["from"].as_u64().unwrap()).await;
    let again = story.sends("cleo", "open reed.toml");
    assert_eq!(again["subcontract"], 5, "what was taken back can be opened anew");
    story.sends("cleo", "withdraw-proposal 5");

    story.fails("eve", "repeal 2 --yes", 1, "NotASigner");
    story.sends("bo", "repeal 2");
    assert_eq!(story.says("ada", "status")["subcontracts"][1]["state"], "enacted");
    story.signs("cleo", "repeal 2");
    assert_eq!(story.says("ada", "status")["subcontracts"][1]["state"], "sunset");
    story.fails(
        "carrier",
        "enact 2",
        1,
        "subcontract 2 is over, for good; the same can be opened anew by `hearth open` [StateUnfit]",
    );

    // What is over waits for nobody, but a mandate for it counts until it ends, as the ledger counts it.
    let needs = |who: &str| story.says(who, "me")["needsYou"].clone();
    assert_eq!(needs("eve"), json!([]));
    let page = story.says("bo", "me");
    assert_eq!(page["mandates"][1]["state"], "sunset");
    assert!(
        page["needsYou"][0]
            .as_str()
            .unwrap()
            .contains("hearth mandate revoke 2"),
        "{page}"
    );
    let ledger = Ledger::new(story.place().ledger, &story.chain);
    let law = ledger.maxExposure(2).call().await.unwrap();
    assert_eq!(
        (&page["exposure"], &page["nextExposure"]),
        (&json!(law.thisPeriod), &json!(law.nextPeriod))
    );
    story.sends("bo", "mandate revoke 2");
    let page = story.says("bo", "me");
    assert_eq!(
        (page["mandates"].as_array().unwrap().len(), needs("bo")),
        (1, json!([]))
    );
}

/// R1.8: who carries an act sees what its call does, and is never led to send another from their own key.
async fn altered_acts(story: &Story) {
    let place = story.place();
    story.sends("cleo", "withdraw \"2 H\"");
    story.says("cleo", "withdraw \"2 H\" --yes --sign-only acts/withdraw.json");
    story.says("cleo", "deposit \"2 H\" --yes --sign-only acts/deposit.json");
    let read =
        |file: &str| -> Value { serde_json::from_slice(&std::fs::read(story.path(file)).unwrap()).unwrap() };
    let withdraw = read("acts/withdraw.json");
    let deposit = read("acts/deposit.json");
    let bo = hearth_keystore::address(&story.path("bo.key")).unwrap();
    let takes: Bytes = PracticeToken::transferCall {
        to: bo,
        value: U256::from(10_000_000),
    }
    .abi_encode()
    .into();
    let direct: Bytes = Ledger::depositCall {
        account: 2,
        amount: 10_000_000,
    }
    .abi_encode()
    .into();
    let longer: Bytes = [
        withdraw["data"].as_str().unwrap().parse::<Bytes>().unwrap(),
        takes.clone(),
    ]
    .concat()
    .into();
    let with = |from: &Value, changes: &[(&str, Value)]| {
        let mut act = from.clone();
        for (field, value) in changes {
            act[field] = value.clone();
        }
        act
    };
    let carrier = hearth_keystore::address(&story.path("carrier.key")).unwrap();
    let mint = PracticeToken::mintCall {
        to: carrier,
        amount: U256::from(10_000_000),
    };
    story.send(place.token, mint).await;
    let no_deed = "is no deed that a member of birch-lane signs";
    for (act, wanted) in [
        (
            with(&withdraw, &[("to", json!(place.token)), ("data", json!(takes))]),
            no_deed,
        ),
        (with(&withdraw, &[("data", json!(direct))]), no_deed),
        (with(&withdraw, &[("data", json!(longer))]), no_deed),
        (with(&withdraw, &[("data", json!("0x"))]), no_deed),
        (with(&withdraw, &[("to", json!(place.token))]), no_deed),
        (with(&withdraw, &[("to", json!(place.roster))]), no_deed),
        (
            with(&withdraw, &[("sentence", json!("You declare a band."))]),
            "is no signed act from line",
        ),
        (
            with(&withdraw, &[("v", json!("1\u{1b}[2J, carried"))]),
            "is no signed act from line",
        ),
        (
            with(
                &withdraw,
                &[("v", json!(2)), ("told", json!("by a later release"))],
            ),
            "is a signed act of version 2, wanted 1",
        ),
        (with(&withdraw, &[("chainId", json!(1))]), "is for chain 1"),
        (with(&deposit, &[("permit", json!(takes))]), "is no permit by"),
        (with(&deposit, &[("key", json!(bo))]), "is no permit by"),
        (
            with(&withdraw, &[("permit", deposit["permit"].clone())]),
            "is no permit by",
        ),
    ] {
        write(&story.path("acts/altered.json"), &act);
        story.fails("carrier", "carry acts/altered.json --yes", BAD_INPUT, wanted);
        let key = if act["key"] == json!(bo) { "bo" } else { "cleo" };
        story.fails(key, "cancel acts/altered.json --yes", BAD_INPUT, wanted);
    }
    let token = PracticeToken::new(place.token, &story.chain);
    assert_eq!(
        token.balanceOf(carrier).call().await.unwrap(),
        U256::from(10_000_000)
    );

    // What nobody signed is told to nobody as what they were told.
    let mut forged: Vec<u8> = withdraw["data"]
        .as_str()
        .unwrap()
        .parse::<Bytes>()
        .unwrap()
        .into();
    let inside = forged.len() - 90;
    forged[inside] ^= 1;
    write(
        &story.path("acts/altered.json"),
        &with(&withdraw, &[("data", json!(Bytes::from(forged)))]),
    );
    for (who, word) in [("carrier", "carry"), ("cleo", "cancel")] {
        let output = story.run(who, &format!("{word} acts/altered.json --yes"));
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{talk}");
        assert!(
            talk.contains("the signature is not one by") && !talk.contains("You take"),
            "{talk}"
        );
    }

    // As it was signed, it is said as what it is, and asked about, before it is carried.
    let output = story.run("carrier", "carry acts/withdraw.json");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(BAD_INPUT), "{talk}");
    assert!(
        talk.contains("what cleo was told: You take 2.000000 H")
            && talk.contains("at most, 0.0")
            && talk.contains("coin at most")
            && talk.contains("say --yes"),
        "{talk}"
    );
    story.says("carrier", "carry acts/withdraw.json --yes");
    story.says("carrier", "carry acts/deposit.json --yes");

    // So is what one sends oneself, with the most that its gas can cost.
    let output = story.run("cleo", "withdraw \"1 H\"");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(BAD_INPUT), "{talk}");
    assert!(
        talk.contains("you pay its gas: ") && talk.contains("coin at most") && talk.contains("say --yes"),
        "{talk}"
    );

    // What is no longer held is not carried: its permit would cost the carrier gas for nothing.
    story.says("cleo", "deposit \"2 H\" --yes --sign-only acts/short.json");
    story.sends("cleo", "deposit \"2 H\"");
    story.fails(
        "carrier",
        "carry acts/short.json --yes",
        1,
        "holds 0 H of the token",
    );
    story.sends("cleo", "cancel acts/short.json");
}

/// R3, R7.1: what a member enrols, what a custodian replaces, what members tighten together.
async fn badges_devices_and_limits(story: &Story) {
    let badge = |name: &str| keccak256(format!("badge of {name}"));
    story.sends("ada", &format!("badge {}", badge("ada")));
    story.signs("cleo", &format!("badge {}", badge("cleo")));
    story.fails("dan", &format!("badge {} --yes", badge("ada")), 1, "BadgeTaken");
    story.sends("ada", "badge none");
    story.signs("dan", &format!("badge {}", badge("ada")));
    story.fails("eve", "badge yellow --yes", BAD_INPUT, "64 hex digits, or none");

    write(&story.path("radar-5.json"), &device("radar-5"));
    write(&story.path("radar-6.json"), &device("radar-6"));
    story.sends("bo", "replace-device 1 0 radar-5.json");
    story.signs("bo", "replace-device 1 0 radar-6.json");
    story.fails("ada", "replace-device 1 0 radar-6.json --yes", 1, "NotCustodian");
    story.fails("bo", "replace-device 1 9 radar-6.json --yes", 1, "DeviceUnknown");
    story.fails(
        "bo",
        "replace-device 1 0 cards/ada.json --yes",
        BAD_INPUT,
        "not a device's card",
    );

    story.sends("ada", "tighten fee_bps 200");
    story.signs("cleo", "tighten fee_bps 200");
    story.signs("dan", "tighten admission_bps 1500");
    story.signs("eve", "tighten fee_bps 200");
    story.sends("bo", "tighten fee_bps 200");
    story.fails("dan", "tighten fee_bps 100 --yes", 1, "TighteningPending");
    story.fails(
        "dan",
        "tighten fees 100 --yes",
        BAD_INPUT,
        "wanted one of highest_multiple_bps",
    );
    story.fails(
        "dan",
        "tighten fee_bps 301 --yes",
        BAD_INPUT,
        "wanted from 0 to 300",
    );
    let charter = Charter::new(story.place().charter, &story.chain);
    assert_eq!(charter.pendingLimit(8).call().await.unwrap().value, 200);
}

/// R4: nominated, vouched for, objected to, accepted, admitted.
async fn newcomers(story: &Story) {
    let key = |name: &str| hearth_keystore::address(&story.path(&format!("{name}.key"))).unwrap();
    story.sends("ada", &format!("join nominate {} --household 7", key("fay")));
    story.signs("cleo", &format!("join nominate {} --household 8", key("gus")));
    story.sends("bo", "join vouch 1");
    story.signs("dan", "join vouch 1");
    story.sends("bo", "join vouch 2");
    story.signs("ada", "join vouch 2");
    story.sends("eve", "join object 1");
    story.signs("eve", "join object 2");
    story.fails("eve", "join vouch 9 --yes", BAD_INPUT, "there is no nomination 9");
    story.sends("fay", "join accept 1");
    story.signs("gus", "join accept 2");
    let now = chain::time(&story.chain).await.unwrap();
    story.fails(
        "carrier",
        "join admit 1",
        1,
        "members can object to nomination 1 until",
    );
    let told = story.run("carrier", "join admit 1").stderr;
    assert!(
        !String::from_utf8_lossy(&told).contains("UTC"),
        "a refusal's hours are the charter's"
    );
    story.at(now + 7 * DAY + 1).await;
    story.says("carrier", "join admit 1");
    story.says("carrier", "join admit 2");
    assert_eq!(story.says("fay", "me")["member"], 6);
    // Gus has no coin for gas and approved nothing; what he holds goes in all the same (R1.8).
    let mint = PracticeToken::mintCall {
        to: key("gus"),
        amount: U256::from(3_000_000),
    };
    story.fails(
        "gus",
        "deposit \"3 H\" --yes --sign-only acts/short.json",
        1,
        "holds 0 H of the token",
    );
    story.send(story.place().token, mint).await;
    story.signs("gus", "deposit \"3 H\"");
    story.fails(
        "gus",
        "withdraw \"1 H\" --yes",
        1,
        &format!("{} holds 0 of the chain's coin, wanted 0.0", key("gus")),
    );
    assert_eq!(story.says("gus", "me")["free"], 3_000_000);
    assert_eq!(story.says("ada", "status")["population"], 7);
}

#[tokio::test]
async fn r1_8_a_polity_lives_through_the_binary_alone() {
    let story = Story::begin().await;
    founded(&story).await;
    story.fails(
        "ada",
        "--rpc-url http://127.0.0.1:1 me",
        UNREACHABLE,
        "could not be reached",
    );
    story.fails("ada", "--rpc-url nowhere me", BAD_INPUT, "no RPC address");
    story.fails("carrier", "me", BAD_INPUT, "no member's");
    story.fails("ada", "digest", TRY_AGAIN, "no week has settled yet");
    story.fails(
        "ada",
        "digest --epoch 7",
        TRY_AGAIN,
        "week 7 is not one that has settled yet",
    );
    story.fails(
        "ada",
        "digest --subcontract 9",
        BAD_INPUT,
        "there is no subcontract 9",
    );

    // R1: money in and out, mandates up and down.
    let mandate = "mandate sign 1 --per-event \"7 H\" --per-period \"9 H\" --shared \"1 H\"";
    story.fails(
        "ada",
        "mandate sign 1 --per-event \"7 H\" --per-period \"9 H\" --shared \"1 H\"",
        BAD_INPUT,
        "say --yes",
    );
    story.fails(
        "ada",
        &mandate.replace("7 H", "9.5 H"),
        BAD_INPUT,
        "--per-event: given 9.5 H, wanted at most 9 H",
    );
    for days in ["0", "366", "18446744073709551615"] {
        let given = format!("{mandate} --days {days} --yes");
        story.fails("ada", &given, BAD_INPUT, &format!("{days} is not in 1..=365"));
    }
    story.sends("ada", mandate);
    story.signs("cleo", mandate);
    story.sends("ada", "mandate limit \"30 H\"");
    story.signs("cleo", "mandate limit \"30 H\"");
    story.sends("ada", "withdraw \"8 H\"");
    story.signs("cleo", "withdraw \"8 H\"");
    story.fails("ada", "withdraw \"8 euros\" --yes", BAD_INPUT, "or \"all\"");
    let page = story.says("ada", "me");
    assert_eq!(
        (&page["free"], &page["mandates"][0]["perEvent"]),
        (&json!(82_000_000), &json!(7_000_000))
    );
    let place = story.place();
    // What cleo's key just got back goes in again without any approval: the signed deposit carries a permit.
    story.signs("cleo", "deposit \"8 H\"");
    story.fails(
        "cleo",
        "deposit \"8 H\" --to 1 --sign-only acts/gift.json",
        BAD_INPUT,
        "sent by the giver",
    );
    story.sends("ada", "deposit \"8 H\"");
    assert_eq!(story.says("cleo", "me")["free"], 90_000_000);

    // R1.8: what is signed can be voided by who signed it, until it is carried.
    story.says("ada", "mandate limit \"29 H\" --yes --sign-only acts/void.json");
    story.fails("cleo", "cancel acts/void.json --yes", BAD_INPUT, "was signed by");
    for file in ["acts/void.json", "ada.key"] {
        let before = std::fs::read(story.path(file)).unwrap();
        story.fails(
            "ada",
            &format!("mandate limit \"28 H\" --yes --sign-only {file}"),
            BAD_INPUT,
            "is not written over",
        );
        assert_eq!(std::fs::read(story.path(file)).unwrap(), before);
    }
    story.fails("ada", "cancel acts/void.json", BAD_INPUT, "say --yes");
    story.sends("ada", "cancel acts/void.json");
    story.fails(
        "carrier",
        "carry acts/void.json --yes",
        1,
        "or voided by who signed it",
    );
    story.fails(
        "ada",
        "cancel acts/void.json --yes",
        1,
        "LimitGlobal was carried already, or voided",
    );

    altered_acts(&story).await;

    badges_devices_and_limits(&story).await;

    subcontracts(&story).await;

    // R7.10: a week is reported, two contest their own line, the third's settles.
    let end = MONDAY + calendar::WEEK;
    story.at(end).await;
    let report = story.report(MONDAY).await;
    let week = report.epoch.0;
    let streams = &story.says("ada", "status")["streams"];
    assert_eq!(
        (&streams[0]["lastEpoch"], &streams[1]["lastEpoch"]),
        (&json!(week), &Value::Null)
    );
    let page = story.says("ada", "me");
    let needs = page["needsYou"].to_string();
    assert!(
        needs.contains(&format!("the report of week {week} can be contested")),
        "{needs}"
    );
    story.fails(
        "ada",
        "contest 1 --yes",
        BAD_INPUT,
        "no accepted report for week 1",
    );
    // R20: her own list is a seat's to give, and to her alone.
    story.fails(
        "ada",
        "list --epoch 1",
        TRY_AGAIN,
        "no report of week 1 of stream 1 is accepted yet",
    );
    story.fails("ada", "list --seat nowhere", BAD_INPUT, "is no seat's endpoint");
    story.fails(
        "ada",
        "list --seat http://127.0.0.1:1",
        UNREACHABLE,
        "the seat at http://127.0.0.1:1 could not be reached",
    );
    story.fails("carrier", "list", BAD_INPUT, "is no member's key");
    story.sends("ada", &format!("contest {week}"));
    story.signs("cleo", &format!("contest {week}"));
    // Also who is not named: a subcontract may charge whom it likes within the mandate.
    story.sends("eve", &format!("contest {week}"));
    story.at(end + DAY + 60).await;
    let settle = Docket::settleCall {
        header: report.header(),
        parent: report.parent,
        envelopes: report.envelopes,
        payload: report.payload.clone(),
    };
    story.send(place.docket, settle).await;
    let digest = story.says("bo", "digest");
    assert_eq!(digest["epoch"], week);
    let lines = digest["lines"].as_array().unwrap();
    let paid = |member: u16| {
        lines
            .iter()
            .find(|line| line["member"] == member)
            .map(|line| &line["paid"])
    };
    // His purse lifts dan to band 3, which pays 0.8 H a piece; whose line is contested pays nothing.
    assert_eq!(paid(4), Some(&json!(1_600_000)), "{digest}");
    assert_eq!((paid(1), paid(3)), (Some(&json!(0)), Some(&json!(0))), "{digest}");
    let dan = story.says("dan", "digest --member 4");
    assert_eq!(dan["paid"], 1_600_000);
    assert_eq!(
        (&dan["epochKind"], &dan["epoch"], &dan["begin"]),
        (&json!("week"), &json!(week), &json!(MONDAY))
    );
    // Of 6.4 H of wood nobody tapped for, the reserve has 2% of what dan paid, the four others 1 H each by their caps; the
    // provider shares in none of it and bears the rest.
    let parts = ["fromReserve", "shared", "borneByProvider"].map(|part| digest[part].as_u64().unwrap());
    assert_eq!(parts, [32_000, 4_000_000, 2_368_000], "{digest}");
    let eve = story.says("eve", "digest --member 5");
    assert_eq!((&eve["grams"], &eve["shared"]), (&json!(0), &json!(1_000_000)));
    let bo = story.says("bo", "digest --member 2");
    assert_eq!((&bo["shared"], &bo["borne"]), (&json!(0), &json!(2_368_000)));

    newcomers(&story).await;

    // R8: founders declared their bands at founding, and may again after 30 days.
    story.fails("ada", "band 8 --yes", BAD_INPUT, "wanted 0 to 7");
    story.at(MONDAY + 31 * DAY).await;
    story.sends("ada", "band 4");
    story.signs("cleo", "band 5");
    story.fails("cleo", "band 5 --yes", 1, "cleo declared a band within 30 days");

    rotated(&story).await;

    // R16.1: a mandate ends, and people leave with their purse.
    story.sends("dan", "mandate revoke 1");
    story.signs("eve", "mandate revoke 1");
    story.sends("dan", "leave");
    story.signs("eve", "leave");
    let status = story.says("ada", "status");
    assert_eq!(status["population"], 5);
    assert_eq!(status["subcontracts"][0]["signers"], 3);
    let left: Vec<bool> = (status["purses"].as_array().unwrap().iter())
        .map(|purse| !purse["left"].is_null())
        .collect();
    assert_eq!(left, [false, false, false, true, true, false, false]);
    let page = story.says("dan", "me");
    assert_eq!(
        (page["left"].is_u64(), &page["needsYou"]),
        (true, &json!([])),
        "{page}"
    );

    closed(&story).await;

    strange_code(&story).await;
}

/// R7, R22: a seat's operator puts a new report key in the place of the old one, once a day.
async fn rotated(story: &Story) {
    let committee = Committee::new(story.place().committee, &story.chain);
    let seat = "seat cards/seat-alder.json --yes";
    assert_eq!(
        story.says("alder", seat)["transaction"],
        Value::Null,
        "nothing new"
    );
    let card = |turn: usize| {
        json!({
            "card": "seat", "v": 1, "name": "alder",
            "identity": hearth_keystore::address(&story.path("alder.key")).unwrap(),
            "reportKey": report_key(turn).address(), "transportKey": keccak256(turn.to_string()),
            "endpoint": "http://127.0.0.1:7001",
        })
    };
    write(&story.path("cards/seat-alder.json"), &card(9));
    story.fails("alder", "seat cards/seat-alder.json", BAD_INPUT, "say --yes");
    story.fails("birch", seat, BAD_INPUT, "use the seat's identity key");

    assert!(story.says("alder", seat)["transaction"].is_string());

    let rotated = committee.seat(0).call().await.unwrap();
    assert_eq!(rotated.reportKey, report_key(9).address());
    assert_eq!(rotated.endpoint, "http://127.0.0.1:7001");
    assert!(rotated.bonded, "the bond stays");
    assert_eq!(committee.version().call().await.unwrap().to::<u32>(), 2);
    write(&story.path("cards/seat-alder.json"), &card(1));
    story.fails("alder", seat, 1, "report key");
    write(&story.path("cards/seat-alder.json"), &card(10));
    story.fails("alder", seat, 1, "changed its keys within a day");
}

/// R8: what the pots of a subcontract still hold when all its signers have ended it is given out by who ever asks.
async fn closed(story: &Story) {
    let place = story.place();
    let gift = 9_000_001_u64;
    let mint = PracticeToken::mintCall {
        to: story.carrier.address(),
        amount: U256::from(gift),
    };
    story.send(place.token, mint).await;
    let approve = PracticeToken::approveCall {
        spender: place.ledger,
        value: U256::from(gift),
    };
    story.send(place.token, approve).await;
    let pot = Account::Pot(1, 0).id();
    let deposit = Ledger::depositCall {
        account: pot,
        amount: gift,
    };
    story.send(place.ledger, deposit).await;
    story.fails(
        "carrier",
        "close 1",
        1,
        "its pots are given out when it is over [NotOver]",
    );
    for who in ["ada", "bo", "cleo"] {
        story.sends(who, "repeal 1");
    }
    assert_eq!(story.says("carrier", "poke 1")["state"], "sunset");
    story.fails("carrier", "close 1", 1, "is not settled yet");
    // What nobody reported in 30 days, and nobody settled in the 21 after them, is settled by nobody.
    story
        .at(chain::time(&story.chain).await.unwrap() + 60 * DAY)
        .await;
    let ledger = Ledger::new(place.ledger, &story.chain);
    let held = async || {
        let mut held = Vec::new();
        for account in [1, 2, 3, 4, 5, pot] {
            held.push(ledger.purse(account).call().await.unwrap().free);
        }
        held
    };
    let before = held().await;

    story.says("carrier", "close 1");

    // Equal parts to those who shared its last week, also who left, but not to bo, its provider; dust to the lowest number.
    let after = held().await;
    let gained: Vec<u64> = (0..5).map(|place| after[place] - before[place]).collect();
    assert_eq!(gained, [2_250_001, 0, 2_250_000, 2_250_000, 2_250_000]);
    assert_eq!((before[5], after[5]), (gift, 0), "the pot is empty");
    story.fails("carrier", "close 1", 1, "its pots are empty");
}

/// R19: who signs a mandate for code that this release does not know says that they read it.
async fn strange_code(story: &Story) {
    let place = story.place();
    let password = Password::read(&story.path("password")).unwrap();
    let bo = hearth_keystore::open(&story.path("bo.key"), &password).unwrap();
    let charter = Charter::new(place.charter, &story.chain);
    let wood = charter.subcontractAt(1).call().await.unwrap();
    // A minimal proxy (ERC-1167): it answers as firewood does, until its maker has it do otherwise.
    let code = [
        &hex::decode("3d602d80600a3d3981f3363d3d373d3d3d363d73").unwrap()[..],
        wood.as_slice(),
        &hex::decode("5af43d82803e903d91602b57fd5bf3").unwrap(),
    ];
    let deed = Deed::Open {
        code: code.concat().into(),
        terms: Bytes::from_static(b"as firewood's"),
    };
    let hand = Hand {
        member: 2,
        nonce: U256::from(19),
        deadline: chain::time(&story.chain).await.unwrap() + DAY,
    };
    let act = Act::new(&deed, hand, &place);
    let signature = bo.sign_hash_sync(&act.digest).unwrap().as_bytes();
    let data = act.carried(signature.to_vec().into());
    let tx = chain::call(story.carrier.address(), act.to, data);
    chain::land(&story.chain, act.name, tx).await.unwrap();
    let number = charter.subcontractCount().call().await.unwrap();
    let sign =
        format!("mandate sign {number} --per-event \"1 H\" --per-period \"1 H\" --shared \"0 H\" --yes");

    story.fails("bo", &sign, BAD_INPUT, "says --unknown-code: subcontract");
    story.says("bo", &format!("{sign} --unknown-code"));
}

/// R8: who would have paid what, without any chain of one's own; the page's example prints what the page says.
#[tokio::test]
async fn r8_a_rehearsal_needs_no_chain() {
    let folder = tempfile::tempdir().unwrap();
    let page = include_str!("../../../docs/rehearsing.md");
    let block = |kind: &str| {
        let (_, rest) = page.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    std::fs::write(folder.path().join("weeks.json"), block("json")).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
        command.current_dir(folder.path()).args(words);
        command.output().unwrap()
    };
    let output = run(&["rehearse", "weeks.json"]);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    // Columns are apart by two spaces or more on the page, by tabs in a pipe.
    let fields = |line: &str| -> Vec<String> {
        let apart = line.replace("  ", "\t");
        let fields = apart.split('\t').map(|field| field.trim().to_owned());
        fields.filter(|field| !field.is_empty()).collect()
    };
    let told = String::from_utf8_lossy(&output.stdout);
    let told: Vec<_> = told.lines().map(fields).collect();
    assert_eq!(told, block("text").lines().map(fields).collect::<Vec<_>>());

    let output = run(&["--json", "rehearse", "weeks.json"]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["weeks"][0]["paid"]["ada"], "1600000", "{outcome}");
    assert_eq!(run(&["rehearse", "nothing.json"]).status.code(), Some(BAD_INPUT));
}
