//! Exact numbers in answers.
//!
//! Minutes and rates are decimals from the database to the answer. A float on the way would turn 0.1 into
//! 0.1000000000000000055, so the digits are written into the JSON unchanged.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// A decimal that is written as a JSON number, rounded to [`Self::DIGITS`] and without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Number(pub Decimal);

impl Number {
    /// Digits after the decimal point.
    pub const DIGITS: u32 = 9;
    /// Digits to which SQL rounds a quotient where it is made: more than an answer has, so that the answer alone rounds
    /// it, and few enough for a [`Decimal`].
    pub const QUOTIENT_DIGITS: u32 = 18;

    /// Returns the quotient; `None` if the divisor is zero.
    pub fn ratio(numerator: Decimal, denominator: Decimal) -> Option<Self> {
        numerator.checked_div(denominator).map(Self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = self.0.round_dp_with_strategy(Self::DIGITS, RoundingStrategy::MidpointAwayFromZero);
        write!(f, "{}", rounded.normalize())
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?;
        digits.serialize(serializer)
    }
}

impl utoipa::PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number);
        number.description(Some("Exact decimal, at most nine digits after the point.")).into()
    }
}

impl utoipa::ToSchema for Number {}

/// A decimal that is written as a JSON number with all digits of the database, for rows that must add up to a rounded
/// sum: three times a third of a minute is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Unrounded(pub Decimal);

impl fmt::Display for Unrounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.normalize())
    }
}

impl Serialize for Unrounded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?;
        digits.serialize(serializer)
    }
}

impl utoipa::PartialSchema for Unrounded {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number);
        number.description(Some("Decimal, not rounded.")).into()
    }
}

impl utoipa::ToSchema for Unrounded {}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        serde_json::to_string(&Number(text.parse().unwrap())).unwrap()
    }

    #[test]
    fn digits_are_kept_and_noise_is_not_made() {
        assert_eq!(json("0.1"), "0.1");
        assert_eq!(json("841.00"), "841");
        assert_eq!(json("6.8666666666666667"), "6.866666667");
        assert_eq!(json("0.0000000005"), "0.000000001");
        assert_eq!(json("-0.00"), "0");
    }

    #[test]
    fn what_is_not_rounded_keeps_all_digits() {
        let third = Unrounded("0.3333333333333333333300".parse().unwrap());
        assert_eq!(serde_json::to_string(&third).unwrap(), "0.33333333333333333333");
    }

    #[test]
    fn an_empty_divisor_gives_nothing() {
        assert_eq!(Number::ratio(Decimal::ONE, Decimal::ZERO), None);
    }
}
