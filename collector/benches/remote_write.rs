//! Decoding remote write: what the sender of a scrape sends, 2,000 series of eight labels with a sample each.

#![allow(clippy::unwrap_used, reason = "all of it is benchmarks")]

use binnacle_collector::WalDecoder;
use binnacle_storage::Decode;
use binnacle_storage::model::wire::{FIXED64, VARINT, put_message, put_varint, tag};
use binnacle_storage::model::{Compression, Encoding, Format, Signal, Timestamp};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

const SERIES: u64 = 2000;

fn main() {
    divan::main();
}

fn labels(number: u64) -> Vec<(&'static str, String)> {
    vec![
        ("__name__", format!("http_server_requests_{}_total", number % 50)),
        ("code", (200 + number % 5).to_string()),
        ("container", "shop".to_owned()),
        ("handler", format!("/api/items/{}", number % 39)),
        ("instance", format!("10.0.{}.{}:8080", number % 4, number % 250)),
        ("job", "kubernetes-pods".to_owned()),
        ("namespace", "production".to_owned()),
        ("pod", format!("shop-7f9c6d5b8-{:05}", number % 250)),
    ]
}

fn sample(number: u64) -> Vec<u8> {
    let mut sample = Vec::new();
    put_varint(&mut sample, u64::from(tag(1, FIXED64)));
    sample.extend_from_slice(&(number as f64).to_le_bytes());
    put_varint(&mut sample, u64::from(tag(2, VARINT)));
    put_varint(&mut sample, 1_700_000_000_000 + number % 15_000);
    sample
}

fn version_1() -> Vec<u8> {
    let mut request = Vec::new();
    for number in 0..SERIES {
        let mut series = Vec::new();
        for (name, value) in labels(number) {
            let mut label = Vec::new();
            put_message(&mut label, 1, name.as_bytes());
            put_message(&mut label, 2, value.as_bytes());
            put_message(&mut series, 1, &label);
        }
        put_message(&mut series, 2, &sample(number));
        put_message(&mut request, 1, &series);
    }
    request
}

fn version_2() -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut request = Vec::new();
    for number in 0..SERIES {
        let mut references = Vec::new();
        for text in labels(number).into_iter().flat_map(|(name, value)| [name.to_owned(), value]) {
            let known = symbols.iter().position(|symbol| *symbol == text);
            let index = known.unwrap_or_else(|| {
                symbols.push(text);
                symbols.len() - 1
            });
            put_varint(&mut references, index as u64);
        }
        let mut series = Vec::new();
        put_message(&mut series, 1, &references);
        put_message(&mut series, 2, &sample(number));
        put_message(&mut request, 5, &series);
    }
    symbols.iter().for_each(|symbol| put_message(&mut request, 4, symbol.as_bytes()));
    request
}

fn decode(bencher: Bencher<'_, '_>, format: Format, plain: &[u8]) {
    let body = snap::raw::Encoder::new().compress_vec(plain).unwrap();
    let encoding = Encoding { format, compression: Compression::Snappy };
    bencher.counter(ItemsCount::new(SERIES)).counter(BytesCount::new(plain.len())).bench(|| {
        let batch =
            WalDecoder.decode(Signal::Metrics, encoding, black_box(&body), Timestamp(1)).unwrap();
        assert_eq!(batch.rows(), 2 * SERIES);
    });
}

#[divan::bench]
fn remote_write_1(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::RemoteWrite1, &version_1());
}

#[divan::bench]
fn remote_write_2(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::RemoteWrite2, &version_2());
}
