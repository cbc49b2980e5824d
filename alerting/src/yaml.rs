//! YAML that remembers its lines, so that whatever is wrong in a file is said with its place.
//!
//! A plain scalar keeps its text: where text is wanted, `1.0`, `0x10` and `true` are what they look like. A mapping is read
//! through [`Fields`]: each field is taken once, and what nobody took is refused by name and line.

use std::collections::HashMap;
use std::fmt;
use yaml_rust2::parser::{MarkedEventReceiver, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};
use yaml_rust2::{Event, Yaml};

/// Deepest nesting read. People stay under ten; every reader after this one recurses.
const DEPTH_MAX: usize = 64;

/// Most nodes of one document, those that aliases repeat counted each time: a few lines of aliases can stand for billions.
const NODES_MAX: usize = 1_000_000;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    pub message: String,
}

impl Fault {
    pub fn new(line: usize, message: impl Into<String>) -> Fault {
        Fault { line, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Fault {}

/// A value as it is written, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A scalar without quotes: text, number, boolean or null, whichever is wanted.
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One field of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    /// Of the key.
    pub line: usize,
    pub value: Node,
}

/// The documents of a text. An empty text has none.
pub fn documents(text: &str) -> Result<Vec<Node>, Fault> {
    let mut loader = Loader::default();
    Parser::new_from_str(text)
        .load(&mut loader, true)
        .map_err(|error| Fault::new(error.marker().line(), error.info().to_owned()))?;
    match loader.fault {
        Some(fault) => Err(fault),
        None => Ok(loader.documents),
    }
}

/// The first document of a text; null when there is none.
pub fn document(text: &str) -> Result<Node, Fault> {
    let null = Node { line: 1, kind: Kind::Plain(String::new()) };
    Ok(documents(text)?.into_iter().next().unwrap_or(null))
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if Yaml::from_str(text).is_null())
    }

    /// A fault at this place.
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.line, message)
    }

    fn wanted(&self, what: &str, wanted: &str) -> Fault {
        let found = match &self.kind {
            Kind::Plain(_) if self.is_null() => "nothing".to_owned(),
            Kind::Plain(text) | Kind::Text(text) => format!("'{text}'"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        };
        self.fault(format!("{what} must be {wanted}, not {found}"))
    }

    /// A scalar as text; null is empty. `what` names it in the fault.
    pub fn text(&self, what: &str) -> Result<String, Fault> {
        match &self.kind {
            Kind::Plain(_) if self.is_null() => Ok(String::new()),
            Kind::Plain(text) | Kind::Text(text) => Ok(text.clone()),
            _ => Err(self.wanted(what, "text")),
        }
    }

    pub fn bool(&self, what: &str) -> Result<bool, Fault> {
        let truth = match &self.kind {
            Kind::Plain(text) => truth(text),
            _ => None,
        };
        truth.ok_or_else(|| self.wanted(what, "true or false"))
    }

    pub fn integer(&self, what: &str) -> Result<i64, Fault> {
        let number = match &self.kind {
            Kind::Plain(text) => Yaml::from_str(text).as_i64(),
            _ => None,
        };
        number.ok_or_else(|| self.wanted(what, "a whole number"))
    }

    pub fn number(&self, what: &str) -> Result<f64, Fault> {
        let number = match &self.kind {
            Kind::Plain(text) => match Yaml::from_str(text) {
                Yaml::Integer(number) => Some(number as f64),
                real => real.as_f64(),
            },
            _ => None,
        };
        number.ok_or_else(|| self.wanted(what, "a number"))
    }

    /// The items of a list; null is empty.
    pub fn list(self, what: &str) -> Result<Vec<Node>, Fault> {
        match self.kind {
            Kind::List(list) => Ok(list),
            Kind::Plain(_) if self.is_null() => Ok(Vec::new()),
            _ => Err(self.wanted(what, "a list")),
        }
    }

    /// The fields of a mapping, in the order they are written; null is empty.
    pub fn map(self, what: &str) -> Result<Vec<Entry>, Fault> {
        match self.kind {
            Kind::Map(entries) => Ok(entries),
            Kind::Plain(_) if self.is_null() => Ok(Vec::new()),
            _ => Err(self.wanted(what, "a mapping")),
        }
    }

    /// The mapping as fields to take. `what` names it in faults.
    pub fn fields(self, what: impl Into<String>) -> Result<Fields, Fault> {
        let (line, what) = (self.line, what.into());
        let entries = self.map(&what)?;
        Ok(Fields { what, line, entries })
    }
}

/// What reads as a boolean where one is wanted.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// A mapping whose fields are taken one after the other.
#[derive(Debug)]
pub struct Fields {
    /// As faults name it.
    pub what: String,
    pub line: usize,
    entries: Vec<Entry>,
}

impl Fields {
    /// Takes a field out. One that is null is as one that is not there.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let place = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(place).value).filter(|node| !node.is_null())
    }

    /// Takes a field that must be there.
    pub fn need(&mut self, key: &str) -> Result<Node, Fault> {
        self.take(key).ok_or_else(|| self.fault(format!("{} has no '{key}'", self.what)))
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>, Fault> {
        self.take(key).map(|node| node.text(key)).transpose()
    }

    pub fn bool(&mut self, key: &str) -> Result<Option<bool>, Fault> {
        self.take(key).map(|node| node.bool(key)).transpose()
    }

    /// The items of a list; a field that is not there is an empty one.
    pub fn list(&mut self, key: &str) -> Result<Vec<Node>, Fault> {
        self.take(key).map_or(Ok(Vec::new()), |node| node.list(key))
    }

    /// A list of text.
    pub fn texts(&mut self, key: &str) -> Result<Vec<String>, Fault> {
        self.list(key)?.iter().map(|node| node.text(key)).collect()
    }

    /// A mapping of text to text.
    pub fn text_map(&mut self, key: &str) -> Result<Vec<(String, String)>, Fault> {
        let Some(node) = self.take(key) else { return Ok(Vec::new()) };
        let entries = node.map(key)?.into_iter();
        entries.map(|entry| Ok((entry.value.text(&entry.key)?, entry.key))).map(swap).collect()
    }

    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.line, message)
    }

    /// Refuses what nobody took.
    pub fn finish(self) -> Result<(), Fault> {
        match self.entries.first() {
            None => Ok(()),
            Some(Entry { key, line, .. }) => Err(Fault::new(
                *line,
                format!("the field '{key}' of {} is not supported", self.what),
            )),
        }
    }
}

fn swap<A, B>(pair: Result<(A, B), Fault>) -> Result<(B, A), Fault> {
    pair.map(|(a, b)| (b, a))
}

/// Builds nodes from what the parser meets.
#[derive(Default)]
struct Loader {
    documents: Vec<Node>,
    /// Lists and mappings that are open, with their anchors.
    open: Vec<(Node, usize)>,
    /// Keys that wait for their values, one for each open mapping.
    keys: Vec<Option<(String, usize)>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    fault: Option<Fault>,
}

impl MarkedEventReceiver for Loader {
    fn on_event(&mut self, event: Event, mark: Marker) {
        if self.fault.is_none()
            && let Err(message) = self.take(event, mark.line())
        {
            self.fault = Some(Fault::new(mark.line(), message));
        }
    }
}

impl Loader {
    fn take(&mut self, event: Event, line: usize) -> Result<(), String> {
        match event {
            Event::SequenceStart(anchor, _) => self.begin(Kind::List(Vec::new()), line, anchor),
            Event::MappingStart(anchor, _) => {
                self.keys.push(None);
                self.begin(Kind::Map(Vec::new()), line, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((node, anchor)) = self.open.pop() else { return Ok(()) };
                if matches!(node.kind, Kind::Map(_)) {
                    self.keys.pop();
                }
                self.put(node, anchor)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == TScalarStyle::Plain
                    && tag.is_none_or(|tag| {
                        tag.handle == "tag:yaml.org,2002:" && tag.suffix != "str"
                    });
                let kind = if is_plain { Kind::Plain(text) } else { Kind::Text(text) };
                self.put(Node { line, kind }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or("an alias of nothing")?;
                self.nodes += count(node);
                if self.nodes > NODES_MAX {
                    return Err(format!("aliases make this more than {NODES_MAX} values"));
                }
                let node = node.clone();
                self.put(node, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, kind: Kind, line: usize, anchor: usize) -> Result<(), String> {
        if self.open.len() == DEPTH_MAX {
            return Err(format!("this is nested deeper than {DEPTH_MAX}"));
        }
        self.open.push((Node { line, kind }, anchor));
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(format!("there are more than {NODES_MAX} values"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some((Node { kind: Kind::List(list), .. }, _)) => list.push(node),
            Some((Node { kind: Kind::Map(entries), .. }, _)) => {
                let Some(place) = self.keys.last_mut() else { return Ok(()) };
                let Some((key, line)) = place.take() else {
                    let (Kind::Plain(key) | Kind::Text(key)) = node.kind else {
                        return Err("a key is not text".to_owned());
                    };
                    *place = Some((key, node.line));
                    return Ok(());
                };
                if entries.iter().any(|known| known.key == key) {
                    return Err(format!("the key '{key}' occurs twice"));
                }
                entries.push(Entry { key, line, value: node });
            }
            _ => self.documents.push(node),
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::Plain(_) | Kind::Text(_) => 1,
        Kind::List(list) => 1 + list.iter().map(count).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| count(&entry.value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_and_the_rest_is_refused_with_its_line() {
        let text = "a: 1\nb: &x [one, 'true', true]\nc:\n  d: *x\n  e: ~\nmore: yes\n";
        let mut fields = document(text).unwrap().fields("the file").unwrap();
        assert_eq!(fields.need("a").unwrap().integer("a"), Ok(1));
        assert_eq!(fields.texts("b").unwrap(), ["one", "true", "true"]);
        let mut inner = fields.need("c").unwrap().fields("c").unwrap();
        assert_eq!(inner.list("d").unwrap().len(), 3);
        assert_eq!(inner.take("e"), None);
        inner.finish().unwrap();
        let refused = fields.finish().unwrap_err().to_string();
        assert_eq!(refused, "line 6: the field 'more' of the file is not supported");
    }

    #[test]
    fn what_is_of_another_kind_is_said_with_its_line() {
        let wrong = |text: &str, read: fn(&mut Fields) -> Result<(), Fault>| {
            let mut fields = document(text).unwrap().fields("it").unwrap();
            read(&mut fields).unwrap_err().to_string()
        };
        let text = wrong("\na:\n - x", |fields| fields.text("a").map(drop));
        assert_eq!(text, "line 3: a must be text, not a list");
        let bool = wrong("a: 'true'", |fields| fields.bool("a").map(drop));
        assert_eq!(bool, "line 1: a must be true or false, not 'true'");
        let missing = wrong("b: 1", |fields| fields.need("a").map(drop));
        assert_eq!(missing, "line 1: it has no 'a'");
    }

    #[test]
    fn several_documents_are_read() {
        let read = documents("a: 1\n---\na: 2\n---\n").unwrap();
        assert_eq!(read.iter().map(|node| node.line).collect::<Vec<_>>()[..2], [1, 3]);
        assert!(document("").unwrap().is_null());
    }

    #[test]
    fn broken_and_endless_texts_are_refused() {
        for text in ["a: [", "a: 1\na: 2\n", "[a]: 1", "a: *x"] {
            assert!(documents(text).is_err(), "{text}");
        }
        assert!(documents(&"[".repeat(DEPTH_MAX + 1)).is_err());
        let mut bomb = "- &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*l{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("- &l{level} [{alias}]\n"));
        }
        assert!(documents(&bomb).unwrap_err().message.contains("aliases"));
    }
}
