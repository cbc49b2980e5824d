//! Feeds garbage to the decoder: the first byte chooses signal, format and compression.
#![no_main]

use binnacle_collector::WalDecoder;
use binnacle_storage::Decode;
use binnacle_storage::model::{Compression, Encoding, Format, Signal, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, body)) = input.split_first() else { return };
    let signal = Signal::ALL[usize::from(choice) % 3];
    use Compression::{Gzip, Snappy, Zstd};
    use Format::{OtlpJson, OtlpProtobuf, RemoteWrite1, RemoteWrite2};
    let format = [OtlpProtobuf, OtlpJson, RemoteWrite1, RemoteWrite2][usize::from(choice >> 2) % 4];
    let compression = [Compression::None, Gzip, Zstd, Snappy][usize::from(choice >> 4) % 4];
    // Refusing is fine; crashing is not.
    drop(WalDecoder.decode(signal, Encoding { format, compression }, body, Timestamp(1)));
});
