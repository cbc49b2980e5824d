//! From the text of one or several files to SLOs.

use super::fields::{Field, Problem, Problems, text_of};
use super::indicator;
use super::policy;
use super::slo::{self, Named, Slo};
use super::{sloth, v1alpha};
use crate::yaml::{self, Kind, Node};
use std::collections::BTreeMap;

const API_VERSION: &str = "openslo/v1";

/// Documents of other formats, as kinds that none of OpenSLO's is called.
const SLOTH: &str = "sloth";
const SLOTH_RESOURCE: &str = "sloth resource";
const V1ALPHA: &str = "v1alpha";

/// What OpenSLO documents say together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    pub slos: Vec<Slo>,
    /// Services that are described, with their display names.
    pub services: BTreeMap<String, String>,
}

/// Reads the documents of one text; they may refer to each other. All that is wrong with them is told at once.
pub fn parse(text: &str) -> Result<Parsed, Vec<Problem>> {
    let mut documents = yaml::documents(text).map_err(|fault| vec![fault.into()])?;
    documents.retain(|document| !document.is_null());
    let mut problems = Problems::new();
    let parsed = read(&documents, &mut problems);
    if problems.is_empty() { Ok(parsed) } else { Err(sorted(problems)) }
}

/// By line, each once: a document that is named twice is refused once.
fn sorted(mut problems: Problems) -> Problems {
    problems.sort_by(|a, b| (a.line, &a.field).cmp(&(b.line, &b.field)));
    problems.dedup();
    problems
}

/// A document with its kind.
struct Document<'a> {
    kind: &'a str,
    root: Field<'a>,
}

fn read(nodes: &[Node], problems: &mut Problems) -> Parsed {
    let documents: Vec<Document<'_>> =
        nodes.iter().filter_map(|node| document(node, problems)).collect();
    let mut parsed = Parsed::default();
    let mut named = Named::default();
    // What others refer to comes first, wherever it stands.
    let order = ["Service", "DataSource", "AlertNotificationTarget", "SLI", "AlertCondition"];
    for kind in order.into_iter().chain(["AlertPolicy", "SLO", SLOTH, SLOTH_RESOURCE, V1ALPHA]) {
        for document in documents.iter().filter(|document| document.kind == kind) {
            read_one(document, &mut named, &mut parsed, problems);
        }
    }
    parsed
}

fn document<'a>(node: &'a Node, problems: &mut Problems) -> Option<Document<'a>> {
    let root = Field::root(node);
    if let Some(reader) = foreign(node) {
        return Some(Document { kind: reader, root });
    }
    let fields = root.fields(&["apiVersion", "kind", "metadata", "spec"], &[], problems)?;
    let version = fields.need("apiVersion", problems)?;
    if version.text(problems)? != API_VERSION {
        version.refuse(format!("is to be {API_VERSION}"), problems);
        return None;
    }
    let kind = fields.need("kind", problems)?;
    let name = kind.text(problems)?;
    let known = [
        "SLO",
        "SLI",
        "Service",
        "DataSource",
        "AlertPolicy",
        "AlertCondition",
        "AlertNotificationTarget",
    ];
    if !known.contains(&name) {
        kind.refuse(format!("'{name}' is not a kind of {API_VERSION}"), problems);
        return None;
    }
    Some(Document { kind: name, root })
}

/// Formats of others, each by the place it has in a document's `kind` here.
fn foreign(node: &Node) -> Option<&'static str> {
    let Kind::Map(entries) = &node.kind else { return None };
    let is = |key: &str, value: &str| {
        let found = entries.iter().find(|entry| entry.key == key);
        found.is_some_and(|entry| text_of(&entry.value) == Some(value))
    };
    match () {
        () if is("version", sloth::VERSION) => Some(SLOTH),
        () if is("apiVersion", sloth::API_VERSION) => Some(SLOTH_RESOURCE),
        () if is("apiVersion", v1alpha::API_VERSION) => Some(V1ALPHA),
        () => None,
    }
}

fn read_foreign(document: &Document<'_>, parsed: &mut Parsed, problems: &mut Problems) {
    let slos = match document.kind {
        SLOTH => sloth::read(&document.root, problems),
        SLOTH_RESOURCE => sloth::read_resource(&document.root, problems),
        _ => v1alpha::read(&document.root, problems).into_iter().collect(),
    };
    for slo in slos {
        if parsed.slos.iter().any(|known| known.name == slo.name) {
            let message = format!("there is an SLO '{}' already", slo.name);
            document.root.refuse(message, problems);
        }
        parsed.slos.push(slo);
    }
}

fn read_one(
    document: &Document<'_>,
    named: &mut Named,
    parsed: &mut Parsed,
    problems: &mut Problems,
) -> Option<()> {
    if [SLOTH, SLOTH_RESOURCE, V1ALPHA].contains(&document.kind) {
        read_foreign(document, parsed, problems);
        return Some(());
    }
    let nothing = &mut Problems::new();
    let fields = document.root.fields(&["apiVersion", "kind", "metadata", "spec"], &[], nothing)?;
    if document.kind == "SLO" {
        let slo = slo::read(&fields, named, problems)?;
        if parsed.slos.iter().any(|known| known.name == slo.name) {
            let message = format!("there is an SLO '{}' already", slo.name);
            document.root.refuse(message, problems);
        }
        parsed.slos.push(slo);
        return Some(());
    }
    let name = slo::read_metadata(&fields, problems)?.name;
    let spec = fields.find("spec");
    match document.kind {
        "Service" => {
            let display_name = fields.find("metadata").and_then(|metadata| {
                let metadata = metadata.fields(&[], &[], nothing)?;
                metadata.text("displayName", nothing).map(str::to_owned)
            });
            parsed.services.insert(name.clone(), display_name.unwrap_or(name));
        }
        "DataSource" => {
            let fields = spec?.fields(
                &["description", "type"],
                &[("connectionDetails", "what is counted is stored here")],
                problems,
            )?;
            fields.need_text("type", problems)?;
        }
        "SLI" => {
            let spec = fields.need("spec", problems)?;
            named.indicators.insert(name, indicator::read(&spec, problems)?);
        }
        "AlertCondition" => {
            let spec = fields.need("spec", problems)?;
            named.conditions.insert(name, policy::read_condition_spec(&spec, problems)?);
        }
        "AlertPolicy" => {
            let spec = fields.need("spec", problems)?;
            let policy = policy::read(&spec, &named.conditions, problems)?;
            named.policies.insert(name, policy);
        }
        // Routes say who is told; the target's name becomes a label that they match.
        _ => {}
    }
    Some(())
}
