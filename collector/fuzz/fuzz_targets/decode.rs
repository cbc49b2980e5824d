//! Feeds garbage to the decoder: the first byte chooses signal, format and compression.
#![no_main]

use binnacle_collector::OtlpDecoder;
use binnacle_storage::Decode;
use binnacle_storage::model::{Compression, Encoding, Format, Signal, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, body)) = input.split_first() else { return };
    let signal = Signal::ALL[usize::from(choice) % 3];
    let format = [Format::OtlpProtobuf, Format::OtlpJson][usize::from(choice >> 2) % 2];
    let compression = [Compression::None, Compression::Gzip, Compression::Zstd][usize::from(choice >> 4) % 3];
    // Refusing is fine; crashing is not.
    drop(OtlpDecoder.decode(signal, Encoding { format, compression }, body, Timestamp(1)));
});
