//! Amounts of H as people write them.
//!
//! *In*: `12.5 H`, `12.500000 H`, `0 H`. *Out*: units, millionths of H (R0).
//! *Refuses*: more than six decimals, signs, exponents, what does not fit 64 bits. *Never*: passes through a float.

use std::fmt;

use thiserror::Error;

/// Units of H in one H (R0: a token of 6 decimals).
pub const UNITS: u64 = 1_000_000;

/// An amount of H in units, written `12.500000 H`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub u64);

/// Why a text is no amount.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AmountError {
    /// Not digits, an optional point with at most six digits, and an optional ` H`.
    #[error("given {0:?}, wanted an amount such as \"12.5 H\" with at most 6 decimals")]
    Form(String),
    /// More than 64 bits of units.
    #[error("given {0:?}, wanted less than 18446744073709 H")]
    Size(String),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} H", self.0 / UNITS, self.0 % UNITS)
    }
}

impl Amount {
    /// For people to read: `12.5 H`, exactly, with no more decimals than it has. What is signed writes all six.
    #[must_use]
    pub fn brief(self) -> String {
        format!("{} H", figures(&[self.0]).concat())
    }
}

/// One column's amounts, units of H, without the unit: exactly, each with as many decimals as the one that has most,
/// so that the points stand under each other.
#[must_use]
pub fn figures(column: &[u64]) -> Vec<String> {
    let decimals = |units: &u64| {
        let enough = |decimals: &u32| units.is_multiple_of(10u64.pow(6 - decimals));
        (0..6).find(enough).unwrap_or(6)
    };
    let most = column.iter().map(decimals).max().unwrap_or(0);
    let figure = |units: &u64| match most {
        0 => (units / UNITS).to_string(),
        most => format!(
            "{}.{:0>2$}",
            units / UNITS,
            units % UNITS / 10u64.pow(6 - most),
            most as usize
        ),
    };
    column.iter().map(figure).collect()
}

impl std::str::FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let form = || AmountError::Form(text.into());
        let size = || AmountError::Size(text.into());
        let digits = text.trim().strip_suffix('H').map_or(text.trim(), str::trim_end);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(decimals) || decimals.len() > 6 {
            return Err(form());
        }
        let whole: u64 = whole.parse().map_err(|_| size())?;
        let decimals: u64 = format!("{decimals:0<6}").parse().map_err(|_| form())?;
        whole
            .checked_mul(UNITS)
            .and_then(|units| units.checked_add(decimals))
            .map(Self)
            .ok_or_else(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_write_exactly() {
        let check = |text: &str, units: u64| assert_eq!(text.parse(), Ok(Amount(units)), "{text}");
        check("12.5 H", 12_500_000);
        check("12.5", 12_500_000);
        check("0 H", 0);
        check("0.000001H", 1);
        check("18446744073709.551615 H", u64::MAX);
        assert_eq!(Amount(12_500_000).to_string(), "12.500000 H");
        assert_eq!(Amount(7).to_string(), "0.000007 H");
    }

    #[test]
    fn a_column_has_the_decimals_that_one_of_it_needs() {
        let check = |column: &[u64], wanted: &[&str]| assert_eq!(figures(column), wanted);
        check(&[], &[]);
        check(
            &[0, 3_000_000, u64::MAX / UNITS * UNITS],
            &["0", "3", "18446744073709"],
        );
        check(&[10_000_000, 1_050_000, 0], &["10.00", "1.05", "0.00"]);
        check(&[1, u64::MAX], &["0.000001", "18446744073709.551615"]);
        assert_eq!(
            (Amount(12_500_000).brief(), Amount(0).brief()),
            ("12.5 H".into(), "0 H".into())
        );
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "H", ".5", "1.", "-1 H", "1e3", "1.0000000 H", "1,5 H", "١ H"] {
            assert_eq!(
                text.parse::<Amount>(),
                Err(AmountError::Form(text.into())),
                "{text}"
            );
        }
        for text in ["18446744073709.551616 H", "99999999999999999999999 H"] {
            assert_eq!(
                text.parse::<Amount>(),
                Err(AmountError::Size(text.into())),
                "{text}"
            );
        }
    }
}
