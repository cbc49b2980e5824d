//! Composites: an objective that is made of others, its members.
//!
//! *Weighted*: the share that was good is the weighted mean of the members' shares over the same window, so no member's traffic
//! drowns another's. *Any bad*: a slice of time is bad if it was for any member. (*Journeys*, which are joined by trace, are an SLI
//! of their own: [`SliSource::Journey`](super::spec::SliSource).) Members are the objectives before the composite, each with a
//! status and alerts of its own; what is here turns their events into what the one evaluator reads.

use super::evaluate::{Facts, Policy};
use super::exclusion::Kept;
use super::history::{Count, History, SLICE_SECONDS};
use super::method::{Counted, Method, WHOLE};
use super::spec::Slo;
use binnacle_storage::model::Timestamp;
use std::collections::BTreeSet;
use std::ops::Range;

/// One whole in weights.
pub const WEIGHT_ONE: u64 = 1_000_000;

/// How members come to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    Weighted,
    AnyBad,
}

impl Together {
    pub fn name(self) -> &'static str {
        match self {
            Together::Weighted => "weighted",
            Together::AnyBad => "any-bad",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composite {
    pub together: Together,
    /// The first objectives of the SLO, in their order.
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// In parts of [`WEIGHT_ONE`]; more than 0.
    pub weight: u64,
    pub method: Method,
    pub no_data: NoData,
    /// For so long the others wait for this one's data.
    pub delay_seconds: u64,
}

/// What a member counts as where it has no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoData {
    /// As if it were no member.
    #[default]
    Ignore,
    /// Without it nothing is known of the whole.
    Hold,
    Good,
    Bad,
}

impl NoData {
    pub fn from_name(name: &str) -> Option<NoData> {
        [NoData::Ignore, NoData::Hold, NoData::Good, NoData::Bad]
            .into_iter()
            .find(|policy| policy.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            NoData::Ignore => "ignore",
            NoData::Hold => "hold",
            NoData::Good => "good",
            NoData::Bad => "bad",
        }
    }
}

/// A member of a weighted composite, with what it counted.
#[derive(Debug, Clone)]
pub struct Weighted {
    pub weight: u64,
    pub no_data: NoData,
    pub counted: Counted,
}

/// The weighted mean over a range: of each of its slices of `width` seconds that lie after the first event one
/// [`WHOLE`], so that sums of ranges that follow each other weigh each by its time. Nothing when no member has data, or one
/// that holds has none.
pub(super) fn weighted_sum(members: &[Weighted], range: Range<i64>, width: u64) -> Count {
    let first = members.iter().filter_map(|member| member.counted.first()).min();
    let Some(first) = first else { return Count::default() };
    let slices = (width as i64 / SLICE_SECONDS).max(1);
    let widths = range.end.saturating_sub(range.start.max(first)).max(0) / slices;
    let whole = widths.unsigned_abs().max(1).saturating_mul(WHOLE);
    let (mut good, mut weights, mut has_data) = (0u128, 0u128, false);
    for member in members {
        let count = member.counted.sum(range.clone());
        let share = match (count.total, member.no_data) {
            (0, NoData::Hold) => return Count::default(),
            (0, NoData::Ignore) => continue,
            (0, NoData::Good) => u128::from(whole),
            (0, NoData::Bad) => 0,
            (total, _) => u128::from(count.good) * u128::from(whole) / u128::from(total),
        };
        has_data |= count.total > 0;
        good += share * u128::from(member.weight);
        weights += u128::from(member.weight);
    }
    match good.checked_div(weights) {
        Some(good) if has_data => Count::new(good as u64, whole),
        _ => Count::default(),
    }
}

/// How much is surely bad of a range: the weighted mean of `of`, the least share of each member.
pub(super) fn weighted_bound(
    members: &[Weighted],
    range: &Range<i64>,
    of: impl Fn(Count) -> f64,
) -> f64 {
    let (mut bad, mut weights) = (0.0, 0.0);
    for member in members {
        let count = member.counted.sum(range.clone());
        let share = match (count.total, member.no_data) {
            (0, NoData::Ignore | NoData::Hold) => continue,
            (0, NoData::Good) => 0.0,
            (0, NoData::Bad) => 1.0,
            _ => of(count),
        };
        bad += share * member.weight as f64;
        weights += member.weight as f64;
    }
    if weights > 0.0 { bad / weights } else { 0.0 }
}

impl Composite {
    /// Seconds of a slice of time of the whole.
    fn width(&self) -> u64 {
        self.members.iter().map(|member| member.method.seconds()).max().unwrap_or(10)
    }

    /// What the whole is counted by.
    pub fn method(&self) -> Method {
        match (self.together, self.members.first().map(|member| member.method)) {
            (Together::Weighted, Some(Method::Occurrences) | None) => Method::Occurrences,
            (Together::Weighted, Some(_)) => Method::RatioTimeslices { seconds: self.width() },
            (Together::AnyBad, Some(method)) => method,
            (Together::AnyBad, None) => Method::Occurrences,
        }
    }

    /// Slices of time from `from` on, each bad if it was for any member.
    fn any_bad(&self, members: &[History], from: i64) -> Vec<(i64, Count)> {
        let judged: Vec<Vec<(i64, Count)>> = self
            .members
            .iter()
            .zip(members)
            .map(|(member, events)| member.method.counted(events, from..i64::MAX).collect())
            .collect();
        let times: BTreeSet<i64> = judged.iter().flatten().map(|(at, _)| *at).collect();
        let mut places = vec![0; judged.len()];
        let mut slices = Vec::with_capacity(times.len());
        for at in times {
            let (mut is_bad, mut is_held) = (false, false);
            for ((slices, place), member) in judged.iter().zip(&mut places).zip(&self.members) {
                match slices.get(*place) {
                    Some((time, count)) if *time == at => {
                        *place += 1;
                        is_bad |= count.bad() > 0;
                    }
                    _ => {
                        is_bad |= member.no_data == NoData::Bad;
                        is_held |= member.no_data == NoData::Hold;
                    }
                }
            }
            if is_bad || !is_held {
                slices.push((at, Count::new(u64::from(!is_bad), 1)));
            }
        }
        slices
    }
}

/// What a composite's members come to; brought up to date from the first slice that changed.
#[derive(Debug, Clone)]
pub struct Blend {
    composite: Composite,
    members: Vec<History>,
    /// Of all members.
    pub events: History,
    pub counted: Counted,
}

impl Blend {
    pub fn of(composite: &Composite, members: Vec<History>) -> Blend {
        let weighted = composite.members.iter().map(|member| Weighted {
            weight: member.weight,
            no_data: member.no_data,
            counted: Counted::new(member.method),
        });
        let counted = match composite.together {
            Together::Weighted => Counted::weighted(composite.method(), weighted.collect()),
            Together::AnyBad => Counted::new(composite.method()),
        };
        let nothing = vec![History::default(); members.len()];
        let events = History::default();
        let mut blend = Blend { composite: composite.clone(), members: nothing, events, counted };
        blend.refresh(members);
        blend
    }

    pub fn is_of(&self, composite: &Composite) -> bool {
        self.composite == *composite
    }

    /// Counts again what changed.
    pub fn refresh(&mut self, members: Vec<History>) {
        let changed = |(before, now): (&History, &History)| before.first_difference(now);
        let from = self.members.iter().zip(&members).filter_map(changed).min();
        self.members = members;
        let Some(from) = from else { return };
        let slices = self.composite.width() as i64 / SLICE_SECONDS;
        let from = from.div_euclid(slices.max(1)) * slices.max(1);
        let all = self.members.iter().flat_map(|events| events.slices(from..i64::MAX));
        let all: History = all.collect();
        self.events.replace_from(from, all.slices(from..i64::MAX));
        match self.composite.together {
            Together::Weighted => {
                self.counted.refresh_members(&self.members, from..i64::MAX);
            }
            Together::AnyBad => {
                let slices = self.composite.any_bad(&self.members, from);
                self.counted.replace_from(from, slices);
            }
        }
    }
}

/// What an objective is evaluated over at times past.
#[derive(Debug)]
pub struct Material {
    all_events: History,
    /// Without what is excluded.
    kept: Option<History>,
    counted: Counted,
    excluded: Vec<Range<i64>>,
}

impl Material {
    /// `events` are those of the SLO's objectives, in their order; a composite needs those of its members alone. `None` when
    /// there are fewer.
    pub fn of(slo: &Slo, objective: usize, events: &[History]) -> Option<Material> {
        let spec = slo.objectives.get(objective)?;
        let policy = spec.live_policy();
        match &spec.composite {
            None => Some(Material::plain(&policy, events.get(objective)?)),
            Some(composite) => {
                let members = events.get(..composite.members.len())?;
                Some(Material::blended(&policy, Blend::of(composite, members.to_vec())))
            }
        }
    }

    pub fn plain(policy: &Policy, events: &History) -> Material {
        Material::new(policy, events.clone(), Counted::of(policy.method, events))
    }

    pub fn blended(policy: &Policy, blend: Blend) -> Material {
        Material::new(policy, blend.events, blend.counted)
    }

    fn new(policy: &Policy, all_events: History, counted: Counted) -> Material {
        match Kept::of(policy, &all_events, &counted) {
            Some(Kept { events, counted, excluded }) => {
                Material { all_events, kept: Some(events), counted, excluded }
            }
            None => Material { all_events, kept: None, counted, excluded: Vec::new() },
        }
    }

    /// As it was at a time in Unix seconds, when all had arrived.
    pub fn facts<'a>(&'a self, at: i64, unmeasured: &'a [Range<i64>]) -> Facts<'a> {
        Facts {
            counted: &self.counted,
            events: self.kept.as_ref().unwrap_or(&self.all_events),
            all_events: &self.all_events,
            excluded: &self.excluded,
            now: Timestamp(at.saturating_mul(1_000_000_000)),
            watermark: at,
            lag_seconds_max: 0,
            has_failed: false,
            last_heard: Some(at),
            silence_seconds_max: 0,
            unmeasured,
            is_group: false,
        }
    }

    pub fn all_events(&self) -> &History {
        &self.all_events
    }

    pub fn counted(&self) -> &Counted {
        &self.counted
    }

    pub fn events(&self) -> &History {
        self.kept.as_ref().unwrap_or(&self.all_events)
    }
}

#[cfg(test)]
#[path = "composite_tests.rs"]
mod tests;
