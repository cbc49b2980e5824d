//! PromQL: the query language of Prometheus 3 over stored metrics.
//!
//! A query is parsed ([`parse`]), its lengths and `@` are filled in (`prepare`), the series of all its selectors are read at
//! once (`plan`, [`SeriesSource`]), and then it is evaluated without waiting ([`eval`], `function/`), node by node over
//! whole columns: one value per series and step.

pub mod annotation;
pub mod ast;
pub mod describe;
mod engine;
mod error;
mod eval;
pub(crate) mod function;
pub mod histogram;
pub mod labels;
pub mod memory;
mod parallel;
pub mod parse;
mod plan;
mod prepare;
pub mod print;
mod run;
pub mod series;
pub mod signature;
mod source;
pub mod store;
pub mod text;
pub(crate) mod time;

pub use error::Failure;
pub(crate) use function::began_anew;
pub use prepare::Times;
pub(crate) use run::evaluate;
pub use run::{Answer, Request, Settings, Stopped, Value, run};
pub use source::{Select, SeriesSource};
