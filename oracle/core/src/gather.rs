//! Stage 3: what is kept, and what of it an epoch's window holds.
//!
//! *In*: verified envelopes, in any order, from devices and peers. *Out*: a [`Window`]. *Refuses*: nothing; an envelope
//! is *kept*, *late* or *early*, and the same one twice is one. *Never*: receipt time, which differs between seats.
//!
//! A seat remembers 100 bytes of an envelope; the raw text stays in the journal.

use std::collections::BTreeMap;

use crate::estimators::Opening;
use crate::message::{Holding, Run};
use crate::types::{Counter, Epoch, Kid, Leaf, StreamId};
use crate::verify::{Held, Verified};

/// Seconds an envelope may lie beyond both the wall clock and the chain's head (R7.2).
pub const EARLY_BEYOND: u64 = 120;

/// Contents held under one counter because their device sent two; two prove it, more add nothing (R7.2).
const OWED_CONTENTS: usize = 2;

/// Contents held beside those because a proposal showed them.
const LENT_CONTENTS: usize = 4;

/// Counters in one run of an inventory, at least; wider runs keep a long list short.
const LEAST_RUN: u64 = 64;

/// Runs in one list, about at most.
const MOST_RUNS: u64 = 4_096;

/// Envelopes a seat remembers of one stream and epoch, at most; further ones are answered *early* (R7.2) so that the
/// device holds them.
pub const MOST_PER_EPOCH: usize = 4_000_000;

/// What became of an envelope offered to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// New here.
    New,
    /// New here, and another content stands under the same counter.
    Reused,
    /// Held before.
    Again,
    /// Two other contents already prove the counter reused.
    Enough,
    /// The epoch is full.
    Full,
}

#[derive(Debug, Clone, Copy)]
struct Content {
    leaf: Leaf,
    time: u64,
    lent: bool,
}

/// Nearly every counter has one content, so the rest is behind a pointer.
#[derive(Debug, Clone)]
struct Slot {
    first: Content,
    #[expect(
        clippy::box_collection,
        reason = "one pointer instead of three words in the common case"
    )]
    more: Option<Box<Vec<Content>>>,
}

impl Slot {
    fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.first).chain(self.more.iter().flat_map(|more| more.iter()))
    }

    /// What is put before others: at most two, those owed first.
    fn offered(&self) -> impl Iterator<Item = &Content> {
        let owed = self.contents().filter(|content| !content.lent);
        let lent = self.contents().filter(|content| content.lent);
        owed.chain(lent).take(OWED_CONTENTS)
    }
}

#[derive(Debug, Clone, Default)]
struct Bucket {
    devices: BTreeMap<Kid, BTreeMap<Counter, Slot>>,
    count: usize,
}

/// What a seat holds of one stream, by the epoch whose span holds the envelope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    epochs: BTreeMap<Epoch, Bucket>,
}

impl Store {
    /// Takes an envelope of `epoch`.
    pub(crate) fn take(&mut self, epoch: Epoch, held: &Held, lent: bool) -> Taken {
        let bucket = self.epochs.entry(epoch).or_default();
        let shelf = bucket.devices.entry(held.kid).or_default();
        let content = Content {
            leaf: held.leaf,
            time: held.time,
            lent,
        };
        let Some(slot) = shelf.get_mut(&held.counter) else {
            if bucket.count >= MOST_PER_EPOCH {
                return Taken::Full;
            }
            bucket.count += 1;
            shelf.insert(
                held.counter,
                Slot {
                    first: content,
                    more: None,
                },
            );
            return Taken::New;
        };
        if slot.contents().any(|known| known.leaf == held.leaf) {
            return Taken::Again;
        }
        let (of_kind, most) = if lent {
            (slot.contents().filter(|c| c.lent).count(), LENT_CONTENTS)
        } else {
            (slot.contents().filter(|c| !c.lent).count(), OWED_CONTENTS)
        };
        let more = slot.more.get_or_insert_default();
        if of_kind >= most {
            if !lent {
                return Taken::Enough;
            }
            // The newest proposal is the one to be judged, so the oldest loan makes room.
            if let Some(oldest) = more.iter().position(|c| c.lent) {
                more.remove(oldest);
            }
        }
        more.push(content);
        Taken::Reused
    }

    /// Whether this very envelope is held, and not as a loan.
    pub(crate) fn owes(&self, epoch: Epoch, held: &Held) -> bool {
        let shelf = self
            .epochs
            .get(&epoch)
            .and_then(|bucket| bucket.devices.get(&held.kid));
        shelf
            .and_then(|shelf| shelf.get(&held.counter))
            .is_some_and(|slot| {
                slot.contents()
                    .any(|content| content.leaf == held.leaf && !content.lent)
            })
    }

    /// Counters it remembers.
    pub(crate) fn len(&self) -> usize {
        self.epochs.values().map(|bucket| bucket.count).sum()
    }

    /// Drops epochs before `epoch`; says whether there were any.
    pub(crate) fn forget(&mut self, epoch: Epoch) -> bool {
        let kept = self.epochs.split_off(&epoch);
        !std::mem::replace(&mut self.epochs, kept).is_empty()
    }

    /// All that is held with a time after `from` and up to `to`, from the buckets named, by device and counter, what is
    /// owed before what is lent; with each, whether it is lent.
    pub(crate) fn lay(&self, stream: StreamId, epochs: [Epoch; 2], from: u64, to: u64) -> Vec<(Held, bool)> {
        let [first, second] = epochs;
        let second = (second != first).then_some(second);
        let buckets = std::iter::once(first)
            .chain(second)
            .filter_map(|epoch| self.epochs.get(&epoch));
        let mut laid: Vec<(Held, bool)> = buckets
            .flat_map(|bucket| bucket.devices.iter())
            .flat_map(|(kid, shelf)| shelf.iter().map(move |(counter, slot)| (*kid, *counter, slot)))
            .flat_map(|(kid, counter, slot)| {
                slot.contents()
                    .map(move |content| (held(stream, kid, counter, content), content.lent))
            })
            .filter(|(held, _)| from < held.time && held.time <= to)
            .collect();
        laid.sort_by_key(|(held, lent)| (held.kid, held.counter, *lent));
        laid
    }

    /// What is held of one device within ranges of counters.
    pub(crate) fn within(
        &self,
        stream: StreamId,
        epochs: [Epoch; 2],
        kid: Kid,
        ranges: &[(Counter, Counter)],
        most: usize,
    ) -> Vec<Held> {
        let shelves = epochs
            .iter()
            .filter_map(|epoch| self.epochs.get(epoch)?.devices.get(&kid));
        shelves
            .flat_map(|shelf| {
                ranges
                    .iter()
                    .filter(|(from, to)| from <= to)
                    .flat_map(move |(from, to)| shelf.range(*from..=*to))
            })
            .flat_map(|(counter, slot)| slot.offered().map(|content| held(stream, kid, *counter, content)))
            .take(most)
            .collect()
    }

    /// What is held of one epoch, for peers to compare.
    pub(crate) fn inventory(&self, stream: StreamId, epoch: Epoch) -> Vec<Holding> {
        offer(&self.lay(stream, [epoch, epoch], 0, u64::MAX)).1
    }

    /// Which counters of a peer's inventory to fetch: those lacking here, and those whose contents differ.
    pub(crate) fn lacking(&self, epoch: Epoch, holding: &Holding) -> Vec<(Counter, Counter)> {
        let shelf = self
            .epochs
            .get(&epoch)
            .and_then(|bucket| bucket.devices.get(&holding.kid));
        let mut wanted = Vec::new();
        for run in rising(&holding.runs) {
            let own = shelf.into_iter().flat_map(|shelf| shelf.range(run.from..=run.to));
            let before = wanted.len();
            gaps(own.map(|(counter, _)| *counter), run, &mut wanted);
            if wanted.len() == before {
                let own = shelf.into_iter().flat_map(|shelf| shelf.range(run.from..=run.to));
                let sum = own
                    .flat_map(|(_, slot)| slot.offered())
                    .fold(0, |sum, c| add(sum, c.leaf));
                if sum != run.sum {
                    wanted.push((run.from, run.to));
                }
            }
        }
        wanted
    }
}

const fn held(stream: StreamId, kid: Kid, counter: Counter, content: &Content) -> Held {
    Held {
        stream,
        kid,
        counter,
        time: content.time,
        leaf: content.leaf,
    }
}

fn add(sum: u128, leaf: Leaf) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&leaf[..16]);
    sum.wrapping_add(u128::from_be_bytes(half))
}

/// The runs of a list as long as they rise: a list that repeats itself would have its reader repeat the work.
fn rising(runs: &[Run]) -> impl Iterator<Item = &Run> {
    let mut next = Some(0);
    runs.iter().take_while(move |run| {
        let rises = run.from <= run.to && next.is_some_and(|next| next <= run.from.0);
        next = run.to.0.checked_add(1);
        rises
    })
}

fn gaps(own: impl Iterator<Item = Counter>, run: &Run, wanted: &mut Vec<(Counter, Counter)>) {
    let mut next = Some(run.from.0);
    for counter in own {
        if let Some(from) = next
            && counter.0 > from
        {
            wanted.push((Counter(from), Counter(counter.0 - 1)));
        }
        next = counter.0.checked_add(1);
    }
    if let Some(from) = next
        && from <= run.to.0
    {
        wanted.push((Counter(from), run.to));
    }
}

/// Lists envelopes as runs of counters. They come by device, then by counter, but may come from two epochs.
fn holdings(envelopes: &[Held]) -> Vec<Holding> {
    let mut devices: BTreeMap<Kid, Vec<(Counter, Leaf)>> = BTreeMap::new();
    let mut count: u64 = 0;
    for envelope in envelopes {
        devices
            .entry(envelope.kid)
            .or_default()
            .push((envelope.counter, envelope.leaf));
        count += 1;
    }
    let width = (count / MOST_RUNS).next_power_of_two().max(LEAST_RUN);
    devices
        .into_iter()
        .map(|(kid, mut counters)| {
            counters.sort_unstable();
            let mut runs: Vec<Run> = Vec::new();
            for (counter, leaf) in counters {
                match runs.last_mut() {
                    Some(run) if run.to == counter => run.sum = add(run.sum, leaf),
                    // Runs break at multiples of their width, so that two seats' runs can be compared.
                    Some(run) if run.to.0 + 1 == counter.0 && counter.0 % width != 0 => {
                        run.to = counter;
                        run.sum = add(run.sum, leaf);
                    }
                    _ => runs.push(Run {
                        from: counter,
                        to: counter,
                        sum: add(0, leaf),
                    }),
                }
            }
            Holding { kid, runs }
        })
        .collect()
}

/// What is put before others of all that is laid out: at most two contents of a counter, and their list.
pub(crate) fn offer(laid: &[(Held, bool)]) -> (Vec<Held>, Vec<Holding>) {
    let mut offered: Vec<Held> = Vec::with_capacity(laid.len());
    for (held, _) in laid {
        let same = |other: &Held| (other.kid, other.counter) == (held.kid, held.counter);
        if offered
            .iter()
            .rev()
            .take(OWED_CONTENTS)
            .filter(|other| same(other))
            .count()
            < OWED_CONTENTS
        {
            offered.push(*held);
        }
    }
    let listed = holdings(&offered);
    (offered, listed)
}

/// A proposal's list set against what this seat can lay beside it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// This seat lays exactly the same envelopes beside it.
    Same(Vec<Held>),
    /// These must be fetched first.
    Lacking(Vec<(Kid, Vec<(Counter, Counter)>)>),
    /// These are held here and left out.
    LeftOut(Vec<Held>),
}

/// Compares a proposal's list with all that this seat has `laid` out for the span, loans included, given which leaves
/// the proposer itself has `shown`.
pub(crate) fn compare(
    listed: &[Holding],
    laid: &[(Held, bool)],
    shown: &std::collections::BTreeSet<Leaf>,
) -> Compared {
    let mut by_slot: BTreeMap<(Kid, Counter), Vec<Held>> = BTreeMap::new();
    for (held, _) in laid {
        by_slot.entry((held.kid, held.counter)).or_default().push(*held);
    }
    let mut same: Vec<Held> = Vec::new();
    let mut lacking: Vec<(Kid, Vec<(Counter, Counter)>)> = Vec::new();
    for holding in listed {
        let mut wanted = Vec::new();
        for run in rising(&holding.runs) {
            let slots = || by_slot.range((holding.kid, run.from)..=(holding.kid, run.to));
            let before = wanted.len();
            gaps(slots().map(|((_, counter), _)| *counter), run, &mut wanted);
            if wanted.len() > before {
                continue;
            }
            let plain: Vec<Held> = slots()
                .flat_map(|(_, held)| held.iter().take(OWED_CONTENTS))
                .copied()
                .collect();
            let seen: Vec<Held> = slots()
                .flat_map(|(_, held)| held.iter())
                .filter(|h| shown.contains(&h.leaf))
                .copied()
                .collect();
            let sum = |held: &[Held]| held.iter().fold(0, |sum, h| add(sum, h.leaf));
            if sum(&plain) == run.sum {
                same.extend(plain);
            } else if sum(&seen) == run.sum {
                same.extend(seen);
            } else {
                wanted.push((run.from, run.to));
            }
        }
        if !wanted.is_empty() {
            lacking.push((holding.kid, wanted));
        }
    }
    // What is left out is told first: the proposer cannot mend the rest in this attempt anyway.
    let mut covered: BTreeMap<(Kid, Counter), Vec<Leaf>> = BTreeMap::new();
    for held in &same {
        covered
            .entry((held.kid, held.counter))
            .or_default()
            .push(held.leaf);
    }
    let awaited = |held: &Held| {
        lacking.iter().any(|(kid, ranges)| {
            *kid == held.kid
                && ranges
                    .iter()
                    .any(|(from, to)| *from <= held.counter && held.counter <= *to)
        })
    };
    let left_out: Vec<Held> = laid
        .iter()
        .filter(|(_, lent)| !lent)
        .map(|(held, _)| *held)
        .filter(|held| match covered.get(&(held.kid, held.counter)) {
            // Two contents already prove the counter reused, whichever two they are.
            Some(leaves) => leaves.len() < OWED_CONTENTS && !leaves.contains(&held.leaf),
            None => !awaited(held),
        })
        .collect();
    if !left_out.is_empty() {
        Compared::LeftOut(left_out)
    } else if lacking.is_empty() {
        Compared::Same(same)
    } else {
        Compared::Lacking(lacking)
    }
}

/// The envelopes of one estimate.
#[derive(Debug, Clone, Default)]
pub struct Window {
    devices: BTreeMap<Kid, BTreeMap<Counter, Vec<Verified>>>,
}

impl Window {
    /// Puts an envelope in; the same one twice is one.
    pub fn put(&mut self, envelope: Verified) {
        let held = *envelope.held();
        let contents = self
            .devices
            .entry(held.kid)
            .or_default()
            .entry(held.counter)
            .or_default();
        if contents.iter().all(|known| known.held().leaf != held.leaf) {
            contents.push(envelope);
        }
    }

    /// The leaves of all envelopes up to `cut`: what the report rests on, reused counters among them as their proof.
    pub fn leaves(&self, cut: u64) -> impl Iterator<Item = Leaf> + '_ {
        let slots = self.devices.values().flat_map(BTreeMap::values);
        slots
            .flatten()
            .map(Verified::held)
            .filter(move |held| held.time <= cut)
            .map(|held| held.leaf)
    }

    /// The envelopes of a device that count up to `cut`, in order of counters, and whether it was caught reusing one:
    /// neither content counts, and the device is unheard from there (R7.2).
    #[must_use]
    pub fn counting(
        &self,
        kid: Kid,
        opening: &Opening,
        cut: u64,
        count_reused: bool,
    ) -> (Vec<&Verified>, bool) {
        let before = opening.devices.get(&kid).copied().unwrap_or_default();
        let known = opening.devices.contains_key(&kid);
        if before.unheard {
            return (Vec::new(), true);
        }
        let mut counting = Vec::new();
        for (counter, contents) in self.devices.get(&kid).into_iter().flatten() {
            let mut within = contents.iter().filter(|envelope| envelope.held().time <= cut);
            let Some(first) = within.next() else { continue };
            // A counter at or below one already under an accepted root has had its span.
            if known && *counter <= before.counter {
                continue;
            }
            if let Some(second) = within.next() {
                if !count_reused {
                    return (counting, true);
                }
                counting.push(second);
            }
            counting.push(first);
        }
        (counting, false)
    }

    /// The highest counter of a device up to `cut`, counted or not.
    #[must_use]
    pub fn highest(&self, kid: Kid, cut: u64) -> Option<Counter> {
        let slots = self.devices.get(&kid)?.iter().rev();
        slots
            .filter(|(_, contents)| contents.iter().any(|envelope| envelope.held().time <= cut))
            .map(|(counter, _)| *counter)
            .next()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alloy_primitives::B256;
    use proptest::prelude::*;

    use super::*;

    const KID: Kid = Kid([1; 8]);
    const EPOCHS: [Epoch; 2] = [Epoch(0), Epoch(1)];

    fn envelope(counter: u64, content: u8) -> Held {
        let mut leaf = B256::repeat_byte(content);
        leaf[..8].copy_from_slice(&counter.to_be_bytes());
        Held {
            stream: StreamId(1),
            kid: KID,
            counter: Counter(counter),
            time: 1_000 + counter,
            leaf,
        }
    }

    fn filled(counters: impl IntoIterator<Item = u64>) -> Store {
        let mut store = Store::default();
        for counter in counters {
            store.take(Epoch(1), &envelope(counter, 1), false);
        }
        store
    }

    fn laid(store: &Store) -> Vec<(Held, bool)> {
        store.lay(StreamId(1), EPOCHS, 0, u64::MAX)
    }

    fn all(store: &Store) -> Vec<Held> {
        offer(&laid(store)).0
    }

    #[test]
    fn r7_2_the_same_envelope_twice_is_one() {
        let mut store = Store::default();
        assert_eq!(store.take(Epoch(1), &envelope(5, 1), false), Taken::New);
        assert_eq!(store.take(Epoch(1), &envelope(5, 1), false), Taken::Again);
        assert_eq!(store.take(Epoch(1), &envelope(5, 2), false), Taken::Reused);
        assert_eq!(store.take(Epoch(1), &envelope(5, 3), false), Taken::Enough);
        assert_eq!(all(&store).len(), 2);
    }

    #[test]
    fn inventories_lead_to_exactly_what_is_lacking() {
        let (mine, theirs) = (filled([1, 2, 5, 6]), filled((1..=9).chain(200..=300)));
        let inventory = theirs.inventory(StreamId(1), Epoch(1));
        let wanted = mine.lacking(Epoch(1), &inventory[0]);
        assert_eq!(
            wanted.iter().map(|(a, b)| (a.0, b.0)).collect::<Vec<_>>(),
            [(3, 4), (7, 9), (200, 255), (256, 300)]
        );
        assert!(
            theirs
                .lacking(Epoch(1), &mine.inventory(StreamId(1), Epoch(1))[0])
                .is_empty()
        );
    }

    #[test]
    fn r7_2_two_contents_are_found_by_their_sum() {
        let (mut mine, theirs) = (filled([1, 2]), filled([1]));
        let other = {
            let mut store = theirs.clone();
            store.take(Epoch(1), &envelope(2, 7), false);
            store
        };
        let inventory = other.inventory(StreamId(1), Epoch(1));
        assert_eq!(mine.lacking(Epoch(1), &inventory[0]), [(Counter(1), Counter(2))]);
        assert_eq!(mine.take(Epoch(1), &envelope(2, 7), false), Taken::Reused);
    }

    #[test]
    fn what_is_left_out_is_found() {
        let store = filled(1..=4);
        let mut own = laid(&store);
        let kept: Vec<Held> = all(&store)
            .into_iter()
            .filter(|held| held.counter != Counter(2))
            .collect();
        let listed = holdings(&kept);
        assert_eq!(
            compare(&listed, &own, &BTreeSet::new()),
            Compared::LeftOut(vec![envelope(2, 1)])
        );
        // A loan may be left out.
        own[1].1 = true;
        assert_eq!(compare(&listed, &own, &BTreeSet::new()), Compared::Same(kept));
    }

    #[test]
    fn what_the_proposer_shows_is_laid_beside_its_list() {
        let mut store = filled(1..=3);
        let mut theirs = filled([1, 3]);
        theirs.take(Epoch(1), &envelope(2, 9), false);
        let listed = holdings(&all(&theirs));
        // Same counters, other contents: fetch the run.
        assert!(matches!(
            compare(&listed, &laid(&store), &BTreeSet::new()),
            Compared::Lacking(_)
        ));
        store.take(Epoch(1), &envelope(2, 9), true);
        let shown: BTreeSet<Leaf> = all(&theirs).iter().map(|held| held.leaf).collect();
        // Our content of counter 2 is owed and alone is not in the list: it is left out.
        assert_eq!(
            compare(&listed, &laid(&store), &shown),
            Compared::LeftOut(vec![envelope(2, 1)])
        );
        // Once the proposer lists both, they are the same.
        theirs.take(Epoch(1), &envelope(2, 1), true);
        let listed = holdings(&all(&theirs));
        assert!(matches!(compare(&listed, &laid(&store), &shown), Compared::Same(same) if same.len() == 4));
    }

    proptest! {
        #[test]
        fn two_seats_that_exchange_hold_the_same(
            mine in proptest::collection::btree_set(0_u64..300, 0..80),
            theirs in proptest::collection::btree_set(0_u64..300, 0..80),
        ) {
            let (mut a, b) = (filled(mine.iter().copied()), filled(theirs.iter().copied()));
            for holding in b.inventory(StreamId(1), Epoch(1)) {
                let ranges = a.lacking(Epoch(1), &holding);
                for held in b.within(StreamId(1), [Epoch(1), Epoch(1)], holding.kid, &ranges, usize::MAX) {
                    a.take(Epoch(1), &held, false);
                }
            }
            let union: BTreeSet<u64> = mine.union(&theirs).copied().collect();
            prop_assert_eq!(all(&a).iter().map(|h| h.counter.0).collect::<Vec<_>>(), union.into_iter().collect::<Vec<_>>());
        }
    }
}
