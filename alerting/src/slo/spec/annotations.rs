//! What OpenSLO has no field for, as annotations of an SLO.
//!
//! | annotation | value |
//! |---|---|
//! | `binnacle/tiers` | when to tell: `page 1h/5m 2%, ticket 3d/6h burn 1`; each severity, long/short window, and the share of the budget or the burn rate |
//! | `binnacle/guards` | `off`, or any of `page_bad_min=5 ticket_bad_min=2 certain=false` |
//! | `binnacle/mode` | `rate` (as it is) or `budget`: compare with the whole period's traffic |
//! | `binnacle/exclusions` | times that do not count, one a line, each with a reason: see [`Exclusion::parse`] |
//! | `binnacle/group-by` | attributes by which events are told apart, as `service, span.http.route`: see [`SliGroups`](binnacle_query::sli::SliGroups) |
//! | `binnacle/group-gone` | how long nothing of a group comes before its alerts are over: `1d` |
//! | `binnacle/composite` | how objectives with indicators of their own come to one: `weighted`, `any-bad` or `journey 5s`, and `target=0.99` |
//! | `binnacle/members` | what each counts as without data, one a line: `NAME no-data=bad delay=5m` |
//! | `binnacle/no-traffic`, `binnacle/no-telemetry` | `hold` (as it is), `good` or `bad` |

use super::composite::CompositeText;
use super::fields::{Field, Problems, seconds};
use crate::slo::objective::parse_decimal;
use crate::slo::{Absence, EXCLUSIONS_MAX, Exclusion, Guards, Mode, Severity, Tier, Trigger};
use binnacle_query::sli::GROUP_ATTRIBUTES_MAX;

/// All annotations that mean something begin with it.
const PREFIX: &str = "binnacle/";

/// Most tiers of one SLO.
const TIERS_MAX: usize = 16;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Annotations {
    pub tiers: Option<Vec<Tier>>,
    pub guards: Guards,
    pub mode: Mode,
    pub no_traffic: Absence,
    pub no_telemetry: Absence,
    pub exclusions: Vec<Exclusion>,
    pub group_by: Vec<String>,
    pub group_gone_seconds: Option<u64>,
    pub composite: CompositeText,
}

pub(super) fn read(annotations: &[(String, Field<'_>)], problems: &mut Problems) -> Annotations {
    let mut read = Annotations::default();
    for (name, field) in annotations {
        let Some(known) = name.strip_prefix(PREFIX) else { continue };
        let Some(text) = field.text(problems) else { continue };
        let result = match known {
            "tiers" => tiers(text).map(|tiers| read.tiers = Some(tiers)),
            "guards" => guards(text).map(|guards| read.guards = guards),
            "mode" => mode(text).map(|mode| read.mode = mode),
            "exclusions" => exclusions(text).map(|exclusions| read.exclusions = exclusions),
            "composite" => read.composite.read_kind(text),
            "members" => read.composite.read_members(text),
            "no-traffic" => absence(text).map(|absence| read.no_traffic = absence),
            "no-telemetry" => absence(text).map(|absence| read.no_telemetry = absence),
            "group-by" => group_by(text).map(|names| read.group_by = names),
            "group-gone" => gone(text).map(|seconds| read.group_gone_seconds = Some(seconds)),
            _ => Err("is not an annotation that is known here".to_owned()),
        };
        if let Err(message) = result {
            field.refuse(message, problems);
        }
    }
    read
}

/// What can be grouped by what is known once the indicator is.
fn group_by(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let is_plain =
        |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_' | b'-' | b'/');
    if let Some(wrong) = names.iter().find(|name| !name.bytes().all(is_plain) || name.is_empty()) {
        return Err(format!("'{wrong}' is not the name of an attribute"));
    }
    let is_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    if let Some(name) = names.iter().find(|name| is_twice(name)) {
        return Err(format!("names '{name}' twice"));
    }
    if names.len() > GROUP_ATTRIBUTES_MAX {
        return Err(format!("names more than {GROUP_ATTRIBUTES_MAX} attributes"));
    }
    Ok(names)
}

fn gone(text: &str) -> Result<u64, String> {
    let seconds = seconds(text).filter(|seconds| (600..=30 * 86_400).contains(seconds));
    seconds.ok_or_else(|| "is to be between 10m and 30d".to_owned())
}

fn exclusions(text: &str) -> Result<Vec<Exclusion>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let exclusions: Vec<Exclusion> = lines.map(Exclusion::parse).collect::<Result<_, _>>()?;
    if exclusions.len() > EXCLUSIONS_MAX {
        return Err(format!("has more than {EXCLUSIONS_MAX} lines"));
    }
    Ok(exclusions)
}

fn tiers(text: &str) -> Result<Vec<Tier>, String> {
    let tiers: Vec<Tier> = text.split(',').map(tier).collect::<Result<_, _>>()?;
    if tiers.len() > TIERS_MAX {
        return Err(format!("has more than {TIERS_MAX} tiers"));
    }
    let is_twice =
        |tier: &&Tier| tiers.iter().filter(|other| other.has_windows_of(tier)).count() > 1;
    if let Some(twice) = tiers.iter().find(is_twice) {
        return Err(twice.windows_twice());
    }
    Ok(tiers)
}

fn tier(text: &str) -> Result<Tier, String> {
    let refused = |why: &str| format!("'{}' is not a tier as `page 1h/5m 2%`: {why}", text.trim());
    let mut words = text.split_whitespace();
    let severity = match words.next() {
        Some("page") => Severity::Page,
        Some("ticket") => Severity::Ticket,
        _ => return Err(refused("it begins with page or ticket")),
    };
    let windows = words.next().and_then(|windows| windows.split_once('/'));
    let windows = windows.and_then(|(long, short)| Some((seconds(long)?, seconds(short)?)));
    let Some((long_seconds, short_seconds)) = windows else {
        return Err(refused("then come the long and the short window"));
    };
    let trigger = match (words.next(), words.next(), words.next()) {
        (Some("burn"), Some(rate), None) => parse_decimal(rate, 9).map(Trigger::BurnRate),
        (Some(share), None, None) => share
            .strip_suffix('%')
            .and_then(|share| parse_decimal(share, 4))
            .map(Trigger::BudgetShare),
        _ => None,
    };
    let is_something =
        |trigger: &Trigger| !matches!(trigger, Trigger::BudgetShare(0) | Trigger::BurnRate(0));
    let trigger = trigger.filter(is_something).ok_or_else(|| {
        refused("it ends with a share of the budget (2%) or a burn rate (burn 14.4)")
    })?;
    Ok(Tier { severity, long_seconds, short_seconds, trigger })
}

fn guards(text: &str) -> Result<Guards, String> {
    if text == "off" {
        return Ok(Guards::OFF);
    }
    let mut guards = Guards::default();
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let is_read = match name {
            "page_bad_min" => value.parse().map(|value| guards.page_bad_min = value).is_ok(),
            "ticket_bad_min" => value.parse().map(|value| guards.ticket_bad_min = value).is_ok(),
            "certain" => value.parse().map(|value| guards.is_certain = value).is_ok(),
            _ => false,
        };
        if !is_read {
            return Err(format!(
                "'{word}' is none of off, page_bad_min=3, ticket_bad_min=1, certain=true"
            ));
        }
    }
    Ok(guards)
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "rate" => Ok(Mode::Rate),
        "budget" => Ok(Mode::Budget),
        _ => Err("is to be rate or budget".to_owned()),
    }
}

fn absence(text: &str) -> Result<Absence, String> {
    Absence::from_name(text).ok_or_else(|| "is to be hold, good or bad".to_owned())
}
