//! Tests of the query languages through the crate's public face.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod promql;
mod rollup;
