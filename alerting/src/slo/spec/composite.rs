//! Composites: objectives with indicators of their own, and the one made of them.
//!
//! OpenSLO gives the members their indicators, targets and weights, but no target of the whole, nor says what a member without
//! data counts as. The annotations `binnacle/composite` and `binnacle/members` do.

use super::fields::{Field, Fields, Problems, seconds};
use super::indicator::{Indicator, Part, Sli, SliSource};
use super::slo::{Named, OBJECTIVE_FIELDS, ObjectiveSpec, read_indicator};
use super::tiers::check_tiers;
use crate::slo::composite::{Composite, Member, NoData, Together, WEIGHT_ONE};
use crate::slo::objective::{BILLION, parse_decimal};
use crate::slo::{Method, Objective, Policy};

/// Most members; each is an SLI of its own.
const MEMBERS_MAX: usize = 50;

/// How long the others wait for a member when it is not said.
const DELAY_SECONDS: u64 = 300;
const DELAY_SECONDS_MAX: u64 = 86_400;

/// What the annotations say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CompositeText {
    kind: Option<Kind>,
    target: Option<Objective>,
    /// By display name.
    members: Vec<(String, NoData, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Together(Together),
    /// Within so many seconds.
    Journey(u64),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Together(together) => together.name(),
            Kind::Journey(_) => "journey",
        }
    }
}

impl CompositeText {
    pub fn is_said(&self) -> bool {
        self.kind.is_some() || !self.members.is_empty()
    }

    /// `weighted`, `any-bad` or `journey 5s`, and `target=0.99` where it is not that of the members.
    pub fn read_kind(&mut self, text: &str) -> Result<(), String> {
        let refused = || {
            "is to be weighted, any-bad or journey with a time (journey 5s), and may end with target=0.99"
                .to_owned()
        };
        let mut words = text.split_whitespace().peekable();
        self.kind = Some(match words.next() {
            Some("weighted") => Kind::Together(Together::Weighted),
            Some("any-bad") => Kind::Together(Together::AnyBad),
            Some("journey") => {
                let within = words.next().and_then(seconds).filter(|within| *within <= 3_600);
                Kind::Journey(within.ok_or_else(refused)?)
            }
            _ => return Err(refused()),
        });
        for word in words {
            let target = word.strip_prefix("target=").and_then(|text| parse_decimal(text, 9));
            self.target = Some(target.and_then(Objective::new).ok_or_else(refused)?);
        }
        Ok(())
    }

    /// Lines of a member's display name, `no-data=` and `delay=`.
    pub fn read_members(&mut self, text: &str) -> Result<(), String> {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.members.push(member(line)?);
        }
        Ok(())
    }
}

fn member(line: &str) -> Result<(String, NoData, u64), String> {
    let refused = || format!("'{line}' is not as `NAME no-data=ignore|hold|good|bad delay=5m`");
    let start = [" no-data=", " delay="].iter().filter_map(|word| line.find(word)).min();
    let (name, rest) = line.split_at(start.ok_or_else(refused)?);
    let (mut no_data, mut delay) = (NoData::default(), DELAY_SECONDS);
    for word in rest.split_whitespace() {
        match word.split_once('=') {
            Some(("no-data", name)) => no_data = NoData::from_name(name).ok_or_else(refused)?,
            Some(("delay", time)) => {
                let time = seconds(time).filter(|seconds| *seconds <= DELAY_SECONDS_MAX);
                delay = time.ok_or_else(refused)?;
            }
            _ => return Err(refused()),
        }
    }
    Ok((name.trim().to_owned(), no_data, delay))
}

/// A member's `compositeWeight`, in parts of [`WEIGHT_ONE`].
fn read_weight(field: Option<&Field<'_>>, problems: &mut Problems) -> u64 {
    let Some(field) = field else { return WEIGHT_ONE };
    let weight = field.text(problems).and_then(|text| parse_decimal(text, 6));
    let weight = weight.filter(|weight| (1..=1_000_000 * WEIGHT_ONE).contains(weight));
    if weight.is_none() {
        field.refuse("is to be above 0 and at most 1000000, with at most 6 digits", problems);
    }
    weight.unwrap_or(WEIGHT_ONE)
}

/// Whether the objectives have indicators of their own in the place of the SLO's.
pub(super) fn is_composite(fields: &Fields<'_>, items: &[Field<'_>]) -> bool {
    let has_own = |item: &Field<'_>| has_indicator(item);
    let has_one = ["indicator", "indicatorRef"].iter().any(|name| fields.find(name).is_some());
    !has_one && items.iter().any(has_own)
}

fn has_indicator(item: &Field<'_>) -> bool {
    let fields = item.fields(&OBJECTIVE_FIELDS, &[], &mut Problems::new());
    let has = |name| fields.as_ref().is_some_and(|fields| fields.find(name).is_some());
    has("indicator") || has("indicatorRef")
}

/// The indicator of a member of a composite. Other objectives must have none.
pub(super) fn own_indicator(
    item: &Field<'_>,
    is_composite: bool,
    named: &Named,
    problems: &mut Problems,
) -> Option<Indicator> {
    let fields = item.fields(&OBJECTIVE_FIELDS, &[], &mut Problems::new())?;
    if is_composite {
        return read_indicator(&fields, named, problems);
    }
    for field in ["indicator", "indicatorRef"].iter().filter_map(|name| fields.find(name)) {
        field.refuse("is for a composite, which has no indicator in its spec", problems);
    }
    None
}

pub(super) fn weight(item: &Field<'_>, is_composite: bool, problems: &mut Problems) -> u64 {
    let fields = item.fields(&OBJECTIVE_FIELDS, &[], &mut Problems::new());
    let field = fields.and_then(|fields| fields.find("compositeWeight"));
    if let (Some(field), false) = (&field, is_composite) {
        field.refuse("is for a composite, whose objectives have indicators of their own", problems);
    }
    read_weight(field.as_ref(), problems)
}

/// What a member is called that has no display name: as its indicator, or by its place.
pub(super) fn member_name(item: &Field<'_>, place: usize) -> String {
    let nothing = &mut Problems::new();
    let mut name = || {
        let fields = item.fields(&OBJECTIVE_FIELDS, &[], nothing)?;
        if let Some(reference) = fields.text("indicatorRef", nothing) {
            return Some(reference.to_owned());
        }
        let indicator = fields.find("indicator")?.fields(&["metadata"], &[], nothing)?;
        let metadata = indicator.find("metadata")?.fields(&["name"], &[], nothing)?;
        metadata.text("name", nothing).map(str::to_owned)
    };
    name().unwrap_or_else(|| format!("member {}", place + 1))
}

/// The objective that is made of all others, once these are read.
pub(super) fn read(
    members: &[ObjectiveSpec],
    weights: &[u64],
    said: &CompositeText,
    objectives: &Field<'_>,
    problems: &mut Problems,
) -> Option<ObjectiveSpec> {
    if !problems.is_empty() {
        return None;
    }
    let whole = whole(members, weights, said, objectives, problems)?;
    check_tiers(&whole.policy, objectives, problems);
    Some(whole)
}

/// Refuses what is said of a composite where there is none.
pub(super) fn refuse(
    said: &CompositeText,
    objectives: &Field<'_>,
    problems: &mut Problems,
) -> Option<ObjectiveSpec> {
    if said.is_said() {
        let message = "have no indicators of their own, which binnacle/composite is about";
        objectives.refuse(message, problems);
    }
    None
}

/// The objective made of `members`, which have these weights. `at` is what is refused where they do not fit.
fn whole(
    members: &[ObjectiveSpec],
    weights: &[u64],
    said: &CompositeText,
    at: &Field<'_>,
    problems: &mut Problems,
) -> Option<ObjectiveSpec> {
    let checked = check(members, said);
    if let Err(message) = checked {
        at.refuse(message, problems);
        return None;
    }
    let kind = said.kind.unwrap_or(Kind::Together(Together::Weighted));
    let Some(objective) = said.target.or_else(|| target(members, weights, kind)) else {
        let message = "have different targets, so that of the whole is to be said: binnacle/composite: any-bad target=0.99";
        at.refuse(message, problems);
        return None;
    };
    let first = &members.first()?.policy;
    let together = match kind {
        Kind::Together(together) => together,
        Kind::Journey(within) => {
            let sli = super::journey::sli(members, within);
            let sli = sli.map_err(|message| at.refuse(message, problems)).ok()?;
            let policy = Policy { objective, method: Method::Occurrences, ..first.clone() };
            let display_name = "journey".to_owned();
            return Some(ObjectiveSpec { display_name, sli, policy, composite: None });
        }
    };
    let composite = Composite { together, members: parts(members, weights, said) };
    let policy = Policy { objective, method: composite.method(), ..first.clone() };
    let sli = name_of(members, &composite);
    let display_name = together.name().to_owned();
    Some(ObjectiveSpec { display_name, sli, policy, composite: Some(composite) })
}

fn check(members: &[ObjectiveSpec], said: &CompositeText) -> Result<(), String> {
    if members.len() > MEMBERS_MAX {
        return Err(format!("are more than {MEMBERS_MAX}"));
    }
    let first = members.first().map(|member| member.policy.method);
    let is_other =
        |member: &ObjectiveSpec| Some(member.policy.method.seconds()) != first.map(|m| m.seconds());
    if members.iter().any(is_other) {
        return Err("are to have the same timeSliceWindow: the whole is counted in it".to_owned());
    }
    let is_any_bad = said.kind == Some(Kind::Together(Together::AnyBad));
    if is_any_bad && !matches!(first, Some(Method::Timeslices(_))) {
        return Err("are to be counted by Timeslices: any-bad asks of each slice of time whether it was good".to_owned());
    }
    let mut names: Vec<&str> = members.iter().map(|member| member.display_name.as_str()).collect();
    let unknown = said.members.iter().find(|(name, ..)| !names.contains(&name.as_str()));
    if let Some((name, ..)) = unknown {
        return Err(format!("have none with the displayName '{name}' of binnacle/members"));
    }
    names.push(said.kind.unwrap_or(Kind::Together(Together::Weighted)).name());
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(format!("have the displayName '{}' twice, with that of the whole", pair[0]))
        }
        None => Ok(()),
    }
}

/// The target that all have; of a weighted composite the one whose budget is the weighted mean of theirs.
fn target(members: &[ObjectiveSpec], weights: &[u64], kind: Kind) -> Option<Objective> {
    let targets = members.iter().map(|member| member.policy.objective);
    let first = targets.clone().next()?;
    if targets.clone().all(|target| target == first) {
        return Some(first);
    }
    let Kind::Together(Together::Weighted) = kind else { return None };
    let budgets = targets.zip(weights);
    let sum =
        budgets.map(|(target, weight)| u128::from(target.budget_parts()) * u128::from(*weight));
    let mean =
        sum.sum::<u128>() / weights.iter().map(|weight| u128::from(*weight)).sum::<u128>().max(1);
    Objective::new(BILLION - u64::try_from(mean).ok()?.clamp(1, BILLION - 1))
}

fn parts(members: &[ObjectiveSpec], weights: &[u64], said: &CompositeText) -> Vec<Member> {
    let part = |(member, weight): (&ObjectiveSpec, &u64)| {
        let named = said.members.iter().find(|(name, ..)| *name == member.display_name);
        let (no_data, delay_seconds) = named
            .map_or((NoData::default(), DELAY_SECONDS), |(_, no_data, delay)| (*no_data, *delay));
        Member { weight: *weight, method: member.policy.method, no_data, delay_seconds }
    };
    members.iter().zip(weights).map(part).collect()
}

/// What a composite is made of, by which it is known; it has no events but its members'.
fn name_of(members: &[ObjectiveSpec], composite: &Composite) -> Sli {
    let part = |(spec, member): (&ObjectiveSpec, &Member)| {
        let Member { weight, method, no_data, .. } = member;
        format!("{} {weight} {} {}", spec.sli.key(), method.name(), no_data.name())
    };
    let parts: Vec<String> = members.iter().zip(&composite.members).map(part).collect();
    Sli {
        source: SliSource::Composite,
        total: parts.join(", "),
        part: Part::Good(composite.together.name().to_owned()),
        lookback_seconds: 0,
        group_by: Vec::new(),
    }
}
