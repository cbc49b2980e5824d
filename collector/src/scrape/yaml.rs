//! YAML, as the people who write configuration use it. A plain scalar keeps its text: where text is wanted, `1.0`, `0x10` and
//! `true` are what they look like.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::collections::HashMap;
use yaml_rust2::parser::{MarkedEventReceiver, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};
use yaml_rust2::{Event, Yaml};

/// Reads the first document of a text; an empty text is null.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    parse(text)?.read()
}

/// The first document of a text.
pub fn parse(text: &str) -> Result<Node, String> {
    let mut loader = Loader::default();
    Parser::new_from_str(text).load(&mut loader, true).map_err(|error| error.to_string())?;
    match loader.fault {
        Some(fault) => Err(fault),
        None => Ok(loader.document.unwrap_or(Node::Plain(String::new()))),
    }
}

/// A value as it is written.
#[derive(Debug, Clone)]
pub enum Node {
    /// A scalar without quotes: text, number, boolean or null, whichever is wanted.
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub fn read<T: DeserializeOwned>(self) -> Result<T, String> {
        T::deserialize(self).map_err(|error| error.to_string())
    }

    /// Takes the value of a key out of a mapping.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let Node::Map(entries) = self else { return None };
        let place = entries.iter().position(|(known, _)| known == key)?;
        Some(entries.remove(place).1)
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Plain(text) | Node::Text(text) => Some(text),
            Node::List(_) | Node::Map(_) => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Node::Plain(text) if Yaml::from_str(text).is_null())
    }

    /// Whether it asks for nothing: null, false, 0, or empty.
    pub fn is_nothing(&self) -> bool {
        match self {
            Node::Plain(text) => {
                self.is_null() || truth(text) == Some(false) || text.parse() == Ok(0.0)
            }
            Node::Text(text) => text.is_empty(),
            Node::List(list) => list.is_empty(),
            Node::Map(entries) => entries.is_empty(),
        }
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

/// Builds nodes from what the parser meets.
#[derive(Default)]
struct Loader {
    document: Option<Node>,
    /// Lists and mappings that are open, with their anchors.
    open: Vec<(Node, usize)>,
    /// Keys that wait for their values, one for each open mapping.
    keys: Vec<Option<String>>,
    anchors: HashMap<usize, Node>,
    fault: Option<String>,
}

impl MarkedEventReceiver for Loader {
    fn on_event(&mut self, event: Event, mark: Marker) {
        if self.fault.is_none()
            && let Err(fault) = self.take(event)
        {
            self.fault = Some(format!("line {}: {fault}", mark.line()));
        }
    }
}

impl Loader {
    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::SequenceStart(anchor, _) => self.open.push((Node::List(Vec::new()), anchor)),
            Event::MappingStart(anchor, _) => {
                self.open.push((Node::Map(Vec::new()), anchor));
                self.keys.push(None);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((node, anchor)) = self.open.pop() else { return Ok(()) };
                if matches!(node, Node::Map(_)) {
                    self.keys.pop();
                }
                return self.put(node, anchor);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == TScalarStyle::Plain
                    && tag.is_none_or(|tag| {
                        tag.handle == "tag:yaml.org,2002:" && tag.suffix != "str"
                    });
                let node = if is_plain { Node::Plain(text) } else { Node::Text(text) };
                return self.put(node, anchor);
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or("an alias of nothing")?.clone();
                return self.put(node, 0);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some((Node::List(list), _)) => list.push(node),
            Some((Node::Map(entries), _)) => {
                let Some(place) = self.keys.last_mut() else { return Ok(()) };
                let Some(key) = place.take() else {
                    *place = Some(node.text().ok_or("a key is not text")?.to_owned());
                    return Ok(());
                };
                if entries.iter().any(|(known, _)| *known == key) {
                    return Err(format!("the key '{key}' occurs twice"));
                }
                entries.push((key, node));
            }
            _ => drop(self.document.get_or_insert(node)),
        }
        Ok(())
    }
}

impl<'de> IntoDeserializer<'de, Error> for Node {
    type Deserializer = Node;

    fn into_deserializer(self) -> Node {
        self
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Node::Plain(text) => match Yaml::from_str(&text) {
                Yaml::Null => visitor.visit_unit(),
                Yaml::Boolean(flag) => visitor.visit_bool(flag),
                Yaml::Integer(number) => visitor.visit_i64(number),
                real @ Yaml::Real(_) => match real.as_f64().filter(|number| number.is_finite()) {
                    Some(number) => visitor.visit_f64(number),
                    None => visitor.visit_string(text),
                },
                _ => visitor.visit_string(text),
            },
            Node::Text(text) => visitor.visit_string(text),
            Node::List(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter())),
            Node::Map(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            null if null.is_null() => visitor.visit_str(""),
            Node::Plain(text) => visitor.visit_string(text),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self {
            Node::Plain(text) => match truth(text) {
                Some(flag) => visitor.visit_bool(flag),
                None => self.deserialize_any(visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let node = if self.is_null() { Node::List(Vec::new()) } else { self };
        node.deserialize_any(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let node = if self.is_null() { Node::Map(Vec::new()) } else { self };
        node.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// A word out of a few, in any case.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.text() {
            Some(text) => visitor.visit_enum(text.to_ascii_lowercase().into_deserializer()),
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[test]
    fn documents_become_values() {
        let text = "a: &x [1, 2.5, true, ~, 'text', \"te\\nxt\"]\nb: *x\n1:\n  c: |\n    block\n";
        let list = json!([1, 2.5, true, null, "text", "te\nxt"]);
        let expected = json!({ "a": list, "b": list, "1": { "c": "block\n" } });
        assert_eq!(from_str::<Value>(text), Ok(expected));
        assert_eq!(from_str::<Value>(""), Ok(Value::Null));
        assert!(from_str::<Value>("a: [").is_err());
        assert!(from_str::<Value>("a: 1\na: 2\n").is_err());
    }

    #[test]
    fn scalars_keep_their_text_where_text_is_wanted() {
        let words = ["1", "1.0", "0x10", "010", "1e3", "true", "True", "yes", "-5", ".inf"];
        for word in words {
            let text = format!("a: {word}\nb: [{word}]\n");
            let read: BTreeMap<String, Value> = from_str(&text).unwrap();
            assert!(read.contains_key("b"), "{word}");
            let one = format!("a: {word}\n");
            let read: BTreeMap<String, String> = from_str(&one).unwrap();
            assert_eq!(read["a"], word);
        }
        assert_eq!(from_str::<Vec<u64>>("[16, 0x10]"), Ok(vec![16, 16]));
        assert_eq!(from_str::<Vec<bool>>("[true, off, Yes]"), Ok(vec![true, false, true]));
        assert!(from_str::<Vec<u64>>("['1']").is_err());
    }
}
