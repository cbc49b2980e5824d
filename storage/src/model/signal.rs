//! Signals, and the encodings in which request bodies wait in the WAL.

use std::fmt;

/// What one request carries.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];

    /// `traces`, `logs` or `metrics`: used in paths, the catalog and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
        }
    }

    /// Stored in WAL records and the catalog; never renumbered.
    pub fn code(self) -> u8 {
        match self {
            Signal::Traces => 1,
            Signal::Logs => 2,
            Signal::Metrics => 3,
        }
    }

    pub fn from_code(code: u8) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| signal.code() == code)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    OtlpProtobuf,
    OtlpJson,
    /// Prometheus remote write 1.0: `prometheus.WriteRequest`.
    RemoteWrite1,
    /// Prometheus remote write 2.0: `io.prometheus.write.v2.Request`.
    RemoteWrite2,
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    /// The block format, which says its decompressed length first.
    Snappy,
}

/// What a decoder must know to read a body back from the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encoding {
    pub format: Format,
    pub compression: Compression,
}

impl Encoding {
    /// Stored in WAL records; never renumbered. Low half: format, high half: compression.
    pub fn code(self) -> u8 {
        let format = match self.format {
            Format::OtlpProtobuf => 1,
            Format::OtlpJson => 2,
            Format::RemoteWrite1 => 3,
            Format::RemoteWrite2 => 4,
        };
        let compression = match self.compression {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Zstd => 2,
            Compression::Snappy => 3,
        };
        compression << 4 | format
    }

    pub fn from_code(code: u8) -> Option<Encoding> {
        let format = match code & 0x0f {
            1 => Format::OtlpProtobuf,
            2 => Format::OtlpJson,
            3 => Format::RemoteWrite1,
            4 => Format::RemoteWrite2,
            _ => return None,
        };
        let compression = match code >> 4 {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Zstd,
            3 => Compression::Snappy,
            _ => return None,
        };
        Some(Encoding { format, compression })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_survive_their_code() {
        let formats =
            [Format::OtlpProtobuf, Format::OtlpJson, Format::RemoteWrite1, Format::RemoteWrite2];
        for format in formats {
            use Compression::{Gzip, None, Snappy, Zstd};
            for compression in [None, Gzip, Zstd, Snappy] {
                let encoding = Encoding { format, compression };
                assert_eq!(Encoding::from_code(encoding.code()), Some(encoding));
            }
        }
        assert_eq!(Encoding::from_code(0), None);
        assert_eq!(Encoding::from_code(0x41), None);
    }
}
