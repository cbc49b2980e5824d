//! Stored messages, as generated code reads and writes them.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, ResourceMetrics, ScopeMetrics, SummaryDataPoint,
    exponential_histogram_data_point,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct List {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub items: Vec<Vec<u8>>,
}

/// What is stored of an exponential histogram beside its columns.
#[derive(Clone, PartialEq, Message)]
pub struct StoredExponential {
    #[prost(sint32, tag = "6")]
    pub scale: i32,
    #[prost(fixed64, tag = "7")]
    pub zero_count: u64,
    #[prost(message, optional, tag = "8")]
    pub positive: Option<StoredBuckets>,
    #[prost(message, optional, tag = "9")]
    pub negative: Option<StoredBuckets>,
    #[prost(double, tag = "14")]
    pub zero_threshold: f64,
}

#[derive(Clone, PartialEq, Message)]
pub struct StoredBuckets {
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    #[prost(sint64, repeated, tag = "15")]
    pub differences: Vec<i64>,
}

impl StoredBuckets {
    pub fn of(sent: exponential_histogram_data_point::Buckets) -> StoredBuckets {
        let before = std::iter::once(&0).chain(&sent.bucket_counts);
        let differences = sent.bucket_counts.iter().zip(before);
        StoredBuckets {
            offset: sent.offset,
            differences: differences
                .map(|(count, before)| count.wrapping_sub(*before) as i64)
                .collect(),
        }
    }
}

/// The bytes of a stored message in the one form that the generated messages write. `name`: the column, or the kind of a
/// distribution.
pub fn normal(name: &str, bytes: &[u8]) -> Vec<u8> {
    fn one<M: Message + Default>(bytes: &[u8]) -> Vec<u8> {
        M::decode(bytes).expect("stored bytes are well-formed").encode_to_vec()
    }
    fn many<M: Message + Default>(bytes: &[u8]) -> Vec<u8> {
        let list = List::decode(bytes).expect("stored lists are well-formed");
        List { items: list.items.iter().map(|item| one::<M>(item)).collect() }.encode_to_vec()
    }
    match name {
        "events" => many::<Event>(bytes),
        "links" => many::<Link>(bytes),
        "metadata" => many::<KeyValue>(bytes),
        "resource" => one::<ResourceMetrics>(bytes),
        "scope" => one::<ScopeMetrics>(bytes),
        "body_value" => one::<AnyValue>(bytes),
        "histogram" => one::<HistogramDataPoint>(bytes),
        "exponential_histogram" => one::<StoredExponential>(bytes),
        "summary" => one::<SummaryDataPoint>(bytes),
        other => panic!("{other} holds no messages"),
    }
}
