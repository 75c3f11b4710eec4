//! The words of the command line.

pub(crate) mod carry;
pub(crate) mod founder;
pub(crate) mod member;
pub(crate) mod new;
pub(crate) mod rehearse;
pub(crate) mod subcontract;
pub(crate) mod talk;
pub(crate) mod view;

use std::path::PathBuf;

use alloy::primitives::Address;
use alloy::providers::{DynProvider, Provider};
use alloy::signers::local::PrivateKeySigner;
use clap::{CommandFactory, Parser, Subcommand};
use eyre::{Result, bail};
use hearth::found::{self, Deployment};
use hearth::name::Name;
use hearth_keystore::Password;

/// Found a charter, and live under it.
#[derive(Debug, Parser)]
#[command(name = "hearth", version, about, max_term_width = 100)]
pub(crate) struct Words {
    /// Print data as JSON with "v": 1
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The chain's RPC address
    #[arg(long, global = true, env = "HEARTH_RPC_URL", value_name = "URL")]
    pub(crate) rpc_url: Option<String>,
    /// The keystore that signs and pays
    #[arg(long, global = true, env = "HEARTH_KEYSTORE", value_name = "FILE")]
    pub(crate) keystore: Option<PathBuf>,
    /// A file whose first line is the keystore's password; without it you are asked
    #[arg(long, global = true, env = "HEARTH_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Where deployments are kept
    #[arg(long, global = true, default_value = "deployments", value_name = "FOLDER")]
    pub(crate) deployments: PathBuf,
    #[command(subcommand)]
    pub(crate) word: Word,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Word {
    /// Make a keystore and print its public card; print it again where the keystore is there
    Key {
        /// The keystore
        file: PathBuf,
        /// The name on the card
        #[arg(long)]
        name: Name,
    },
    /// Write a charter from a kit and the cards of its people
    New(new::New),
    /// Read kits, charters and subcontracts to open, and name every problem at once
    Check {
        /// Kits, charters, subcontracts to open
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Foresee a founding: steps, addresses, gas, and what each person can lose
    Plan {
        /// The charter
        charter: PathBuf,
        /// The chain's id, where no --rpc-url is given
        #[arg(long)]
        chain_id: Option<u64>,
        /// Where signatures are kept
        #[arg(long, default_value = "signatures", value_name = "FOLDER")]
        signatures: PathBuf,
    },
    /// Sign a charter as one of its founders; writes one file
    Sign(founder::Sign),
    /// Carry out the plan, as far as it can be; run again to go on
    Found {
        /// The charter
        charter: PathBuf,
        /// Where signatures are kept
        #[arg(long, default_value = "signatures", value_name = "FOLDER")]
        signatures: PathBuf,
        /// The plan's hash, to go ahead without being asked
        #[arg(long, value_name = "PLAN_HASH")]
        yes: Option<alloy::primitives::B256>,
    },
    /// Register an oracle seat and pay in its bond, from its identity key
    Seat {
        /// The seat's card
        card: PathBuf,
        /// Go ahead without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Ignite the founded charter; anyone may
    Ignite {
        /// The charter
        charter: PathBuf,
    },
    /// Open a subcontract from a file, for others to sign; run again to go on
    Open {
        /// The subcontract with its stream and devices; docs/founding.md shows one
        file: PathBuf,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Say that an open subcontract harms you though you did not sign it
    Object {
        /// Its number
        subcontract: u16,
        /// Why; only the hash of these words goes on chain
        #[arg(long, short = 'm', value_name = "WORDS")]
        reason: String,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Take back a subcontract you opened, while it is open
    WithdrawProposal {
        /// Its number
        subcontract: u16,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Enact an open subcontract; anyone may, once enough have signed and its 72 hours are over
    Enact {
        /// Its number
        subcontract: u16,
    },
    /// Agree to end a subcontract; when all its signers have, it ends
    Repeal {
        /// Its number
        subcontract: u16,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Suspend, resume, lapse or end a subcontract as its signers and its time now have it; anyone may
    Poke {
        /// Its number
        subcontract: u16,
    },
    /// Give out what the pots of a subcontract that is over still hold; anyone may, once none of its epochs is open
    Close {
        /// Its number
        subcontract: u16,
    },
    /// Your purse, what you owe, what you can lose, and what needs you
    Me {
        /// Somebody's number, instead of your keystore's
        #[arg(long)]
        member: Option<u16>,
    },
    /// Nominate, vouch for, object to, accept or admit a candidate
    Join(member::Join),
    /// Sign, change or revoke a mandate, or set your own bound across all of them
    Mandate(member::Mandates),
    /// Take money out to your own key
    Withdraw {
        /// Such as "12.5 H", or "all"
        amount: String,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Declare your band, 0 to 7, once in 30 days
    Band {
        /// The band
        band: u8,
        /// The subcontract
        #[arg(long, default_value_t = 1)]
        subcontract: u16,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Enrol your badge in place of any before it
    Badge {
        /// Its hash as the badge reader gives it, or "none"
        #[arg(value_parser = member::badge_or_none)]
        badge: alloy::primitives::B256,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Put a device in the place of another, as the custodian of its stream
    ReplaceDevice {
        /// The stream's number
        stream: u16,
        /// Which of its devices, from 0, in the order they were enrolled
        place: u8,
        /// The new device's card
        card: PathBuf,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Support tightening an entrenched limit, for ever
    Tighten {
        /// As the charter's file names it, such as fee_bps
        limit: String,
        /// The new value, in the unit the name ends in
        value: u64,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Contest your own line of a report while its window runs
    Contest {
        /// The report's day, week or period, by its number
        epoch: u32,
        /// The stream
        #[arg(long, default_value_t = 1)]
        stream: u16,
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Your own itemised list of a week, or other epoch, as seats keep it for you and for nobody else
    List {
        /// Its number; the last accepted report's without it
        #[arg(long)]
        epoch: Option<u32>,
        /// The stream
        #[arg(long, default_value_t = 1)]
        stream: u16,
        /// A seat's endpoint; those on chain, one after the other, without it
        #[arg(long, value_name = "URL")]
        seat: Option<String>,
    },
    /// Leave for good, with your purse
    Leave {
        #[command(flatten)]
        carrying: member::Carrying,
    },
    /// Carry an act that somebody signed
    Carry {
        /// The file they signed
        file: PathBuf,
        /// Go ahead without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Void an act you signed, while nobody has carried it
    Cancel {
        /// The file you signed
        file: PathBuf,
        /// Go ahead without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Charter, seats, streams, subcontracts, purses and exposure
    Status,
    /// The provider's digest of a week, or other epoch, or a member's own
    Digest {
        /// Its number; the last settled one without it
        #[arg(long)]
        epoch: Option<u32>,
        /// A member's own instead of the provider's
        #[arg(long)]
        member: Option<u16>,
        /// The subcontract
        #[arg(long, default_value_t = 1)]
        subcontract: u16,
    },
    /// Add to a purse; on a practice token, what is missing is minted first
    Deposit(member::Deposit),
    /// Play weeks through the real contracts on a throwaway chain
    Rehearse {
        /// A scenario; docs/rehearsing.md shows one
        scenario: PathBuf,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Does what the words say.
pub(crate) async fn obey(words: Words) -> Result<()> {
    match &words.word {
        Word::Key { file, name } => founder::key(&words, file, name),
        Word::New(new) => new::new(&words, new),
        Word::Check { files } => founder::check(&words, files),
        Word::Plan {
            charter,
            chain_id,
            signatures,
        } => founder::plan(&words, charter, *chain_id, signatures).await,
        Word::Sign(sign) => founder::sign(&words, sign).await,
        Word::Found {
            charter,
            signatures,
            yes,
        } => founder::found(&words, charter, signatures, *yes).await,
        Word::Seat { card, yes } => founder::seat(&words, card, *yes).await,
        Word::Ignite { charter } => founder::ignite(&words, charter).await,
        Word::Open { file, carrying } => subcontract::open(&words, file, carrying).await,
        Word::Object {
            subcontract,
            reason,
            carrying,
        } => subcontract::object(&words, *subcontract, reason, carrying).await,
        Word::WithdrawProposal {
            subcontract,
            carrying,
        } => subcontract::withdraw_proposal(&words, *subcontract, carrying).await,
        Word::Enact { subcontract } => subcontract::enact(&words, *subcontract).await,
        Word::Repeal {
            subcontract,
            carrying,
        } => subcontract::repeal(&words, *subcontract, carrying).await,
        Word::Poke { subcontract } => subcontract::poke(&words, *subcontract).await,
        Word::Close { subcontract } => subcontract::close(&words, *subcontract).await,
        Word::Me { member } => view::me(&words, *member).await,
        Word::Join(join) => member::join(&words, join).await,
        Word::Mandate(mandates) => member::mandate(&words, mandates).await,
        Word::Withdraw { amount, carrying } => member::withdraw(&words, amount, carrying).await,
        Word::Band {
            band,
            subcontract,
            carrying,
        } => member::band(&words, *band, *subcontract, carrying).await,
        Word::Badge { badge, carrying } => member::badge(&words, *badge, carrying).await,
        Word::ReplaceDevice {
            stream,
            place,
            card,
            carrying,
        } => member::replace_device(&words, *stream, *place, card, carrying).await,
        Word::Tighten {
            limit,
            value,
            carrying,
        } => member::tighten(&words, limit, *value, carrying).await,
        Word::Contest {
            epoch,
            stream,
            carrying,
        } => member::contest(&words, *epoch, *stream, carrying).await,
        Word::List { epoch, stream, seat } => member::list(&words, *epoch, *stream, seat.as_deref()).await,
        Word::Leave { carrying } => member::leave(&words, carrying).await,
        Word::Carry { file, yes } => carry::carry(&words, file, *yes).await,
        Word::Cancel { file, yes } => carry::cancel(&words, file, *yes).await,
        Word::Status => view::status(&words).await,
        Word::Digest {
            epoch,
            member,
            subcontract,
        } => view::digest(&words, *subcontract, *epoch, *member).await,
        Word::Deposit(deposit) => member::deposit(&words, deposit).await,
        Word::Rehearse { scenario } => rehearse::rehearse(&words, scenario).await,
        Word::Completions { shell } => {
            // It panics where it cannot write, so it does not write to a reader who may have gone.
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Words::command(), "hearth", &mut text);
            talk::line(String::from_utf8_lossy(&text).trim_end());
            Ok(())
        }
    }
}

impl Words {
    /// The chain and the key that pays; both are needed.
    pub(crate) async fn purse(&self) -> Result<(DynProvider, PrivateKeySigner)> {
        let key = self.key()?;
        let chain = hearth::chain::connect(self.url()?, Some(key.clone().into())).await?;
        Ok((chain, key))
    }

    /// The chain, to read.
    pub(crate) async fn chain(&self) -> Result<DynProvider> {
        Ok(hearth::chain::connect(self.url()?, None).await?)
    }

    /// The key in the keystore.
    pub(crate) fn key(&self) -> Result<PrivateKeySigner> {
        let Some(file) = &self.keystore else {
            bail!(talk::BadInput(
                "no keystore is given; name yours by --keystore or HEARTH_KEYSTORE".into()
            ));
        };
        let password = self.password(&format!("password of {}: ", file.display()))?;
        Ok(hearth_keystore::open(file, &password)?)
    }

    /// The address in the keystore; the key itself stays closed where the keystore shows its address.
    pub(crate) fn address(&self) -> Result<Address> {
        let shown = self.keystore.as_deref().map(hearth_keystore::address);
        match shown {
            Some(Ok(address)) => Ok(address),
            _ => Ok(self.key()?.address()),
        }
    }

    /// The password, from its file or a prompt.
    pub(crate) fn password(&self, prompt: &str) -> Result<Password> {
        match &self.password_file {
            Some(file) => Ok(Password::read(file)?),
            None => Ok(Password::new(asked(prompt)?)),
        }
    }

    /// A password that nothing is locked with yet: at a prompt it is asked for twice, since nobody sees what they type.
    pub(crate) fn new_password(&self, prompt: &str) -> Result<Password> {
        if self.password_file.is_some() {
            return self.password(prompt);
        }
        let given = asked(prompt)?;
        if asked("the same once more: ")? != given {
            bail!(talk::BadInput(
                "the two passwords differ, nothing was made; say the same one twice".into()
            ));
        }
        Ok(Password::new(given))
    }

    fn url(&self) -> Result<&str> {
        let missing = || talk::BadInput("no chain is given; name it by --rpc-url or HEARTH_RPC_URL".into());
        Ok(self.rpc_url.as_deref().ok_or_else(missing)?)
    }

    /// What was founded on this chain.
    pub(crate) async fn deployment(&self, chain: &DynProvider) -> Result<Deployment> {
        let id = chain.get_chain_id().await.map_err(hearth::chain::unreachable)?;
        let path = Deployment::path(&self.deployments, id);
        let not_founded = |looked: &str| {
            talk::NotYet(format!(
                "not founded on chain {id} yet: {looked}; `hearth found <charter>` founds, or name the folder of what is \
                 founded by --deployments"
            ))
        };
        if !path.exists() {
            bail!(not_founded(&format!("there is no {}", path.display())));
        }
        let place = Deployment::read(&path)?;
        if !found::has_code(chain, place.charter).await? {
            bail!(not_founded(&format!(
                "{} puts {} at {}, where this chain has no contract",
                path.display(),
                place.name,
                place.charter
            )));
        }
        hearth::refusal::acquaint(&place, hearth::view::tz(chain, &place).await?);
        Ok(place)
    }
}

/// A password, from a prompt.
fn asked(prompt: &str) -> Result<String> {
    let given = rpassword::prompt_password(prompt).map_err(|error| {
        talk::BadInput(format!(
            "the password could not be read; give --password-file, or answer the prompt at a terminal: {error}"
        ))
    })?;
    Ok(given)
}
