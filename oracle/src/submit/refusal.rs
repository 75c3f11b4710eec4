//! Why the docket refuses a seat's transaction, in an operator's words.
//!
//! *In*: the contract's error. *Out*: one sentence for whatever the ordinary life of a report leads to; for the rest, which
//! only a fault leads to, the error's own name with its fields, to be searched for and reported.

use hearth_bindings::Docket::DocketErrors as E;

/// The sentence.
pub(super) fn in_words(refusal: &E) -> String {
    match refusal {
        E::AlreadyAccepted(e) => format!("a report of epoch {} is accepted already", e.epoch),
        E::EpochBehindHead(e) => format!(
            "epoch {} lies behind {}, which is accepted already",
            e.given, e.head
        ),
        E::EpochNotAccruing(e) => format!("the subcontract did not run in epoch {}", e.given),
        E::EpochNotClosed(e) => format!(
            "epoch {} ends at unix second {}, and the head is at {}",
            e.epoch, e.end, e.timestamp
        ),
        E::EpochOutOfOrder(e) => format!("epoch {} must wait: {} has no report yet", e.given, e.missing),
        E::EpochTooLate(e) => format!(
            "epoch {} could be reported until unix second {}",
            e.epoch, e.latest
        ),
        E::LapsedAt(e) => format!("the report could be settled until unix second {}", e.latest),
        E::NotPending(e) => format!(
            "no report of epoch {} waits: none was accepted, or it is settled or spent",
            e.epoch
        ),
        E::NotThisReport(e) => format!("the docket has accepted another report, {}", e.accepted),
        E::VersionNotCurrent(e) => {
            format!(
                "it is sealed under committee version {}, and {} is current",
                e.given, e.current
            )
        }
        E::WindowRuns(e) => format!(
            "its window runs until unix second {}, and the head is at {}",
            e.end, e.timestamp
        ),
        other => hearth_bindings::named(other).1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::U256;
    use hearth_bindings::Docket;

    #[test]
    fn a_refusal_is_a_sentence_and_no_struct() {
        let check = |refusal: E, wanted: &str| assert_eq!(in_words(&refusal), wanted);
        let epoch = "7".parse().unwrap();
        check(
            E::AlreadyAccepted(Docket::AlreadyAccepted { epoch }),
            "a report of epoch 7 is accepted already",
        );
        check(
            E::NotPending(Docket::NotPending { stream: 1, epoch }),
            "no report of epoch 7 waits: none was accepted, or it is settled or spent",
        );
        let (timestamp, end) = (U256::from(20), U256::from(30));
        check(
            E::WindowRuns(Docket::WindowRuns { timestamp, end }),
            "its window runs until unix second 30, and the head is at 20",
        );
        check(
            E::SeatVacant(Docket::SeatVacant { seat: 3 }),
            "SeatVacant { seat: 3 }",
        );
    }
}
