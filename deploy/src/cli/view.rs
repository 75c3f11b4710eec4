//! Reading: me, status, digest.

use eyre::{Result, bail};
use hearth::amount::{Amount, figures};
use hearth::calendar;
use hearth::chain::asked;
use hearth::digest::{self, Digest, Line};
use hearth::view;
use hearth_bindings::Roster;

use super::Words;
use super::talk::{self, BadInput};

fn h(units: u64) -> String {
    Amount(units).brief()
}

/// Rows of a name and an amount, the unit being in the head.
fn amounts(rows: &[(&str, u64)]) -> Vec<Vec<String>> {
    let figures = figures(&rows.iter().map(|(_, units)| *units).collect::<Vec<_>>());
    rows.iter()
        .zip(figures)
        .map(|((what, _), figure)| vec![(*what).into(), figure])
        .collect()
}

/// One column of amounts, the unit being in the head.
fn column<T>(rows: &[T], of: impl Fn(&T) -> u64) -> Vec<String> {
    figures(&rows.iter().map(of).collect::<Vec<_>>())
}

pub(super) fn with_version(value: impl serde::Serialize) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(value)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("v".into(), 1.into());
    }
    Ok(value)
}

/// A member's own page.
pub(crate) async fn me(words: &Words, member: Option<u16>) -> Result<()> {
    let chain = words.chain().await?;
    let place = words.deployment(&chain).await?;
    let member = match member {
        Some(member) => member,
        None => {
            let key = words.address()?;
            let roster = Roster::new(place.roster, &chain);
            roster
                .memberOf(key)
                .call()
                .await
                .map_err(asked("looking you up in the roster"))?
        }
    };
    if member == 0 {
        bail!(BadInput(
            "your key is no member's; say --member whose page you want".into()
        ));
    }
    let me = view::me(&chain, &place, member).await?;
    if words.json {
        return talk::json(&with_version(&me)?);
    }
    let tz = view::tz(&chain, &place).await?;
    let left = me
        .left
        .map(|left| format!(", left {}", calendar::shown(left, tz)));
    talk::line(&format!(
        "{}, member {}{}",
        me.name,
        me.member,
        left.unwrap_or_default()
    ));
    talk::table(
        &["", "H"],
        &amounts(&[
            ("free in your purse", me.free),
            ("of it protected from charges", me.floor.min(me.free)),
            ("you can take out now", me.withdrawable),
            ("you owe, without interest", me.arrears),
            ("the most that can be taken from you this period", me.exposure),
            ("and in the next", me.next_exposure),
            ("in any 30 days", me.exposure.saturating_add(me.next_exposure)),
        ]),
    );
    let rows: Vec<Vec<String>> = me
        .mandates
        .iter()
        .map(|mandate| {
            vec![
                mandate.subcontract.to_string(),
                mandate.state.into(),
                h(mandate.per_event),
                format!("{} of {}", h(mandate.used), h(mandate.per_period)),
                format!("{} of {}", h(mandate.used_shared), h(mandate.shared_per_period)),
                calendar::shown(mandate.expiry, tz),
            ]
        })
        .collect();
    if !rows.is_empty() {
        talk::table(
            &[
                "subcontract",
                "state",
                "per event",
                "used this period",
                "shares used",
                "until",
            ],
            &rows,
        );
    }
    for need in &me.needs_you {
        talk::line(&format!("needs you: {need}"));
    }
    Ok(())
}

/// The whole polity.
pub(crate) async fn status(words: &Words) -> Result<()> {
    let chain = words.chain().await?;
    let place = words.deployment(&chain).await?;
    let status = view::status(&chain, &place).await?;
    if words.json {
        return talk::json(&with_version(&status)?);
    }
    let tz = view::tz(&chain, &place).await?;
    let ignited = if status.t0 == 0 {
        "not ignited yet".into()
    } else {
        format!("ignited on {}", calendar::shown(status.t0, tz))
    };
    talk::line(&format!(
        "{} on chain {}, {ignited}; now {}; {} members; {} in all accounts",
        status.name,
        status.chain_id,
        calendar::shown(status.now, tz),
        status.population,
        status.total.parse().map_or_else(|_| status.total.clone(), h)
    ));
    talk::line(&format!("charter {}, network {}", status.charter, status.network));
    let rows: Vec<Vec<String>> = (status.seats.iter())
        .map(|seat| {
            let stands = if seat.report_key.is_zero() {
                "vacant"
            } else if seat.bonded {
                "bonded"
            } else {
                "without bond"
            };
            vec![
                seat.seat.to_string(),
                seat.name.clone(),
                stands.into(),
                seat.endpoint.clone(),
            ]
        })
        .collect();
    talk::table(&["seat", "name", "stands", "endpoint"], &rows);
    let rows: Vec<Vec<String>> = (status.streams.iter())
        .map(|stream| {
            let last = stream.last_epoch.map(|epoch| epoch.to_string());
            vec![
                stream.stream.to_string(),
                stream.name.clone(),
                stream.subcontract.to_string(),
                stream.devices.to_string(),
                last.unwrap_or_else(|| "none yet".into()),
            ]
        })
        .collect();
    talk::table(
        &["stream", "name", "subcontract", "devices", "last report"],
        &rows,
    );
    let rows: Vec<Vec<String>> = (status.subcontracts.iter())
        .map(|subcontract| {
            let pots = figures(&subcontract.pots);
            vec![
                subcontract.subcontract.to_string(),
                subcontract.name.clone(),
                subcontract.state.into(),
                subcontract.signers.to_string(),
                pots.join(", "),
            ]
        })
        .collect();
    talk::table(&["subcontract", "name", "state", "signers", "pots, H"], &rows);
    for opened in status.subcontracts.iter().filter_map(|one| one.opened.as_ref()) {
        talk::line(&format!(
            "subcontract {} waits for signers: {} of {}, {} objections; to be enacted from {} to {}",
            opened.subcontract,
            opened.signers,
            opened.fewest_signers,
            opened.objections,
            calendar::shown(opened.from, tz),
            calendar::shown(opened.until, tz)
        ));
    }
    let free = column(&status.purses, |purse| purse.free);
    let owes = column(&status.purses, |purse| purse.arrears);
    let exposure = column(&status.purses, |purse| purse.exposure);
    let rows: Vec<Vec<String>> = (status.purses.iter().zip(free).zip(owes).zip(exposure))
        .map(|(((purse, free), owes), exposure)| {
            let stands = if purse.left.is_some() { "left" } else { "member" };
            vec![
                purse.member.to_string(),
                purse.name.clone(),
                stands.into(),
                free,
                owes,
                exposure,
            ]
        })
        .collect();
    talk::table(
        &["member", "name", "stands", "free, H", "owes, H", "exposure, H"],
        &rows,
    );
    Ok(())
}

/// A settled epoch: the provider's, or one member's.
pub(crate) async fn digest(
    words: &Words,
    subcontract: u16,
    epoch: Option<u32>,
    member: Option<u16>,
) -> Result<()> {
    let chain = words.chain().await?;
    let place = words.deployment(&chain).await?;
    let digest = digest::digest(&chain, &place, subcontract, epoch).await?;
    let tz = view::tz(&chain, &place).await?;
    if let Some(member) = member {
        return own(words, &digest, &digest.of(member, &place), tz);
    }
    if words.json {
        return talk::json(&with_version(&digest)?);
    }
    talk::line(&format!(
        "the {} from {} for {}, who brings the wood",
        calendar::word(digest.epoch_kind),
        calendar::shown(digest.begin, tz),
        place.member_name(digest.provider)
    ));
    let paid = column(&digest.lines, |line| line.paid);
    let owes = column(&digest.lines, |line| line.arrears);
    let bore = column(&digest.lines, |line| line.shared + line.borne);
    let rows: Vec<Vec<String>> = (digest.lines.iter().zip(paid).zip(owes).zip(bore))
        .map(|(((line, paid), owes), bore)| {
            let kilograms = format!("{}.{:03}", line.grams / 1_000, line.grams % 1_000);
            vec![line.name.clone(), kilograms, paid, owes, bore]
        })
        .collect();
    talk::table(
        &[
            "member",
            "took, kg",
            "paid, H",
            "still owes, H",
            "bore of untapped, H",
        ],
        &rows,
    );
    let rows = [
        ("to you, of what was paid", digest.to_provider),
        ("to you, for the period before", digest.true_up),
        (
            "wood nobody tapped for: to you from the shrinkage reserve",
            digest.from_reserve,
        ),
        (
            "wood nobody tapped for: to you from the other signers, asked in equal parts",
            digest.shared,
        ),
        (
            "wood nobody tapped for: paid by nobody, so borne by you",
            digest.borne_by_provider,
        ),
        ("to the warmth reserve", digest.to_warmth),
        ("to the shrinkage reserve", digest.to_shrinkage),
    ];
    talk::table(&["", "H"], &amounts(&rows));
    Ok(())
}

fn own(words: &Words, digest: &Digest, line: &Line, tz: i32) -> Result<()> {
    if words.json {
        let mut value = with_version(line)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("epochKind".into(), serde_json::to_value(digest.epoch_kind)?);
            object.insert("epoch".into(), digest.epoch.into());
            object.insert("begin".into(), digest.begin.into());
        }
        return talk::json(&value);
    }
    talk::line(&format!(
        "{}, your {} from {}",
        line.name,
        calendar::word(digest.epoch_kind),
        calendar::shown(digest.begin, tz)
    ));
    let untapped = if line.member == digest.provider {
        ("you bear of wood nobody tapped for", line.borne)
    } else {
        ("your share of wood nobody tapped for", line.shared)
    };
    let mut rows = vec![vec![
        "took".into(),
        format!("{}.{:03} kg", line.grams / 1_000, line.grams % 1_000),
    ]];
    if line.grams > 0 {
        rows.push(vec!["band applied".into(), line.band.to_string()]);
    }
    rows.extend(
        [
            ("cost before your caps", line.charge),
            ("you paid", line.paid),
            ("you owe of it, without interest", line.arrears),
            ("beyond your caps, nobody's debt", line.extinguished),
            untapped,
        ]
        .map(|(what, amount)| vec![what.into(), h(amount)]),
    );
    talk::table(&["", ""], &rows);
    Ok(())
}
