//! Known faults of the protocol that can be planted at run time, so that the simulator shows it finds them.
//!
//! Without the feature `planted-faults` every question here is answered "no" by a constant, and the code behind it is
//! not compiled in.

/// A fault that can be planted. `docs/faults.md` says how each is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Reports name no parent, and the contract asks for none.
    NoParent,
    /// A device is answered before its envelope is on disk.
    AnswerBeforeDisk,
    /// A digest is signed before the guard's record is on disk.
    SignBeforeRecord,
    /// A proposal is signed without running the estimator.
    TrustTheProposer,
    /// A device lets go after one *kept*.
    OneKeptIsEnough,
    /// A second digest is signed for one key.
    EquivocateOnRetry,
    /// A restart forgets what the guard had signed.
    ForgetSigned,
    /// A restart forgets the envelopes it had kept.
    ForgetKept,
    /// Envelopes handed over after their epoch has ended are dropped.
    DropHandedOver,
    /// Intake closes when the epoch ends.
    CloseIntakeEarly,
    /// An accepted report is remembered instead of derived from the chain.
    SettleRemembered,
    /// A proposal that leaves out a held envelope is signed.
    IgnoreOmissions,
    /// Both contents under one counter count.
    CountReused,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 13] = [
        Self::NoParent,
        Self::AnswerBeforeDisk,
        Self::SignBeforeRecord,
        Self::TrustTheProposer,
        Self::OneKeptIsEnough,
        Self::EquivocateOnRetry,
        Self::ForgetSigned,
        Self::ForgetKept,
        Self::DropHandedOver,
        Self::CloseIntakeEarly,
        Self::SettleRemembered,
        Self::IgnoreOmissions,
        Self::CountReused,
    ];
}

/// Which faults are planted: none, unless the feature is on and somebody asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    #[cfg(feature = "planted-faults")]
    planted: Option<Fault>,
}

impl Faults {
    /// Plants one fault.
    #[cfg(feature = "planted-faults")]
    #[must_use]
    pub const fn plant(fault: Fault) -> Self {
        Self { planted: Some(fault) }
    }

    /// Whether this fault is planted.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        #[cfg(feature = "planted-faults")]
        return self.planted == Some(fault);
        #[cfg(not(feature = "planted-faults"))]
        {
            let _ = fault;
            false
        }
    }
}
