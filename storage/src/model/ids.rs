//! Identities. Each is a newtype, so a span id never stands where a trace id should.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text or byte string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub String);

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// All zero bytes, which OpenTelemetry calls an invalid id.
            pub fn is_zero(&self) -> bool {
                self.0 == [0; $bytes]
            }
        }

        impl fmt::Display for $name {
            /// Lower-case hex.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads hex in either case.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let mut id = [0; $bytes];
                let wrong = || InvalidId(format!(
                    "'{}' is not an id of {} hex digits", text.chars().take(64).collect::<String>(), $bytes * 2));
                if text.len() != $bytes * 2 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(wrong());
                }
                for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
                    *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
                }
                Ok($name(id))
            }
        }
    };
}

byte_id!(
    /// W3C trace id.
    TraceId,
    16
);
byte_id!(
    /// W3C span id.
    SpanId,
    8
);
byte_id!(
    /// 128-bit hash of a series' whole identity: resource, scope, metric and data point attributes.
    SeriesId,
    16
);

/// Longest tenant name. Names become path segments and metric labels.
const TENANT_BYTES_MAX: usize = 64;

/// Whose data it is: 1–64 characters of `A–Z a–z 0–9 _ - .`, and neither `.` nor `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// Who sends without saying who.
    pub const DEFAULT: &'static str = "default";

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    fn default() -> Self {
        TenantId(Arc::from(Self::DEFAULT))
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TenantId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let good = (1..=TENANT_BYTES_MAX).contains(&text.len())
            && text.chars().all(allowed)
            && !matches!(text, "." | "..");
        if !good {
            return Err(InvalidId(format!(
                "'{}' is not a tenant name: use 1 to {TENANT_BYTES_MAX} letters, digits, '_', '-' or '.'",
                text.chars().take(64).collect::<String>()
            )));
        }
        Ok(TenantId(Arc::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_lower_case_hex_and_read_either_case() {
        let id: SpanId = "EEE19B7EC3C1B174".parse().unwrap();
        assert_eq!(id.to_string(), "eee19b7ec3c1b174");
        for wrong in
            ["", "eee19b7ec3c1b17", "eee19b7ec3c1b17g", "+ee19b7ec3c1b174", "é19b7ec3c1b174"]
        {
            assert!(wrong.parse::<SpanId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn tenant_names_cannot_leave_their_directory() {
        for good in ["default", "team-a", "a.b_c"] {
            assert_eq!(good.parse::<TenantId>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }
}
