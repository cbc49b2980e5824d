//! Text with numbers to be drawn: `/products/{1..60}`. Other braces stand for themselves, so JSON needs no escapes.

use std::fmt::Write as _;

/// A number that looks like chance, and is always the same for the same `number` (SplitMix64).
pub fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// Both ends are in it.
    Number(u64, u64),
}

/// Text that is written anew for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    pub fn read(text: &str) -> Template {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            let number = rest.find('}').and_then(|end| Some((range(&rest[1..end])?, end)));
            let Some(((first, last), end)) = number else {
                plain.push('{');
                rest = &rest[1..];
                continue;
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Number(first, last));
            rest = &rest[end + 1..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Template { parts }
    }

    /// The text with numbers drawn by `seed`.
    pub fn render(&self, seed: u64) -> String {
        let mut text = String::new();
        let mut draw = seed;
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Number(first, last) => {
                    draw = spread(draw);
                    // Writing to a string does not fail.
                    let _ = write!(text, "{}", first + draw % (last - first + 1));
                }
            }
        }
        text
    }

    /// The text with `{}` for each number.
    pub fn outline(&self) -> String {
        let shown = self.parts.iter().map(|part| match part {
            Part::Text(plain) => plain.as_str(),
            Part::Number(..) => "{}",
        });
        shown.collect()
    }
}

/// `1..60`; no more numbers than can be counted.
fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once("..")?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < u64::MAX).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_are_drawn_from_their_whole_range_and_no_more() {
        let template = Template::read("/a/{3..5}/b");
        let drawn: BTreeSet<String> = (0..100).map(|seed| template.render(seed)).collect();
        let expected = ["/a/3/b", "/a/4/b", "/a/5/b"].map(str::to_owned);
        assert_eq!(drawn, BTreeSet::from(expected));
        assert_eq!(template.render(7), template.render(7));
        assert_eq!(template.outline(), "/a/{}/b");
    }

    #[test]
    fn numbers_of_one_text_are_drawn_apart() {
        let template = Template::read("{0..9}{0..9}");
        let drawn: BTreeSet<String> = (0..2000).map(|seed| template.render(seed)).collect();
        assert_eq!(drawn.len(), 100);
    }

    #[test]
    fn other_braces_are_text() {
        for text in ["{\"a\": {\"b\": 1}}", "{", "}{", "{5..1}", "{1..}", "{a..b}", "", "é{x}é"] {
            assert_eq!(Template::read(text).render(1), text);
        }
        assert_eq!(Template::read("{{1..1}}").render(1), "{1}");
    }
}
