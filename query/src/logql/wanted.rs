//! Which labels matter to a query, so that the others need not be made.

use super::ast::*;
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    All,
    Named(BTreeSet<String>),
}

impl Wanted {
    pub fn has(&self, name: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Named(names) => names.contains(name),
        }
    }

    /// Whether a label of this name, or one that begins with it and an underscore, is wanted.
    pub fn has_below(&self, name: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Named(names) => {
                names.contains(name)
                    || names.iter().any(|wanted| {
                        wanted.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'))
                    })
            }
        }
    }

    /// The labels that an answer by `shown` takes; `None` shows all.
    pub fn of(stages: &[Stage], unwrap: Option<&Unwrap>, shown: Option<&[String]>) -> Wanted {
        let Some(shown) = shown else { return Wanted::All };
        let mut names: BTreeSet<String> = shown.iter().cloned().collect();
        for stage in stages {
            match stage {
                Stage::Labels(filter) => add_filter(filter, &mut names),
                Stage::LineFormat(template) if !add_fields(template.fields(), &mut names) => {
                    return Wanted::All;
                }
                Stage::LabelFormat(formats) => {
                    for format in formats {
                        match &format.value {
                            LabelValue::Rename(name) => drop(names.insert(name.clone())),
                            LabelValue::Template(template) => {
                                if !add_fields(template.fields(), &mut names) {
                                    return Wanted::All;
                                }
                            }
                        }
                    }
                }
                Stage::Json(paths) => names.extend(paths.iter().map(|(label, _)| label.clone())),
                Stage::Logfmt(_, keys) => names.extend(keys.iter().map(|(label, _)| label.clone())),
                _ => {}
            }
        }
        if let Some(unwrap) = unwrap {
            names.insert(unwrap.label.clone());
            unwrap.filters.iter().for_each(|filter| add_filter(filter, &mut names));
        }
        // Whether a label gets its suffix hangs on whether the one without it is there.
        let plain: Vec<String> = names
            .iter()
            .filter_map(|name| name.strip_suffix("_extracted"))
            .map(str::to_owned)
            .collect();
        names.extend(plain);
        Wanted::Named(names)
    }
}

/// False when a template may look at any label.
fn add_fields(fields: Option<Vec<String>>, names: &mut BTreeSet<String>) -> bool {
    match fields {
        Some(fields) => {
            names.extend(fields);
            true
        }
        None => false,
    }
}

fn add_filter(filter: &LabelFilter, names: &mut BTreeSet<String>) {
    match filter {
        LabelFilter::Text(matcher) => drop(names.insert(matcher.name.to_string())),
        LabelFilter::Number { name, .. }
        | LabelFilter::Duration { name, .. }
        | LabelFilter::Bytes { name, .. }
        | LabelFilter::Ip { name, .. } => drop(names.insert(name.clone())),
        LabelFilter::And(left, right) | LabelFilter::Or(left, right) => {
            add_filter(left, names);
            add_filter(right, names);
        }
    }
}
