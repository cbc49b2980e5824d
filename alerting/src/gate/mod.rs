//! Gate: is a candidate as good as the baseline it would replace, by the events of an SLO?
//!
//! Both run at the same time, and each [`Arm`] is the events whose resource says so. Slices of time are joined to
//! [`Block`]s with events of both, and two things are asked of them: whether the candidate is worse ([`Evidence`], exact at any
//! number of looks), and whether it is worse by less than a margin ([`Differences`], asymptotic at any number of looks).
//! [`decide`] makes a verdict of the two.
//!
//! Always true: whoever asks again and again, and stops when an answer pleases, errs no more often than is stated.

mod arm;
mod block;
mod decide;
mod difference;
mod evidence;
#[cfg(test)]
mod simulation;

pub use arm::{Arm, Selector};
pub use block::{Block, blocks};
pub use decide::{Judge, Settings, Verdict, VerdictKind, decide};
pub use difference::{Difference, Differences};
pub use evidence::Evidence;
