//! Distributions: how the columns of a data point hold what a histogram or summary says.
//!
//! Count, sum, minimum and maximum are numbers. Explicit buckets are two JSON arrays, which every engine reads. Everything
//! else is in the column `distribution`: the fields of the OTLP data point that no column holds, where each `Buckets` of
//! an exponential histogram has differences of neighbouring counts in place of its counts: smaller numbers, which
//! compress better.

use super::wire::{LENGTH, Malformed, Reader, put_message, put_varint, put_zigzag, tag};
use std::fmt::Write;

/// Field of a stored `Buckets` message: `repeated sint64`, each count less the one before it. Field 2, the counts
/// themselves, is not used along with it.
pub const COUNT_DIFFERENCES: u32 = 15;

/// A JSON array of counts.
pub fn render_counts(counts: &[u64], out: &mut String) {
    out.push('[');
    for (at, count) in counts.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_count(*count, out);
    }
    out.push(']');
}

fn push_count(mut count: u64, out: &mut String) {
    if count < 10 {
        out.push((b'0' + count as u8) as char);
        return;
    }
    let mut digits = [0; 20];
    let mut first = digits.len();
    while count > 0 {
        first -= 1;
        digits[first] = b'0' + (count % 10) as u8;
        count /= 10;
    }
    digits[first..].iter().for_each(|digit| out.push(*digit as char));
}

pub fn parse_counts(text: &str) -> Result<Vec<u64>, Malformed> {
    // The standard parser would take a plus sign.
    parse(text, |number| number.parse().ok().filter(|_| !number.starts_with('+')))
}

/// A JSON array of bounds in the shortest form that reads back the same. `false`, and nothing appended, when a bound is
/// not finite, which JSON has no number for.
pub fn render_bounds(bounds: &[f64], out: &mut String) -> bool {
    if !bounds.iter().all(|bound| bound.is_finite()) {
        return false;
    }
    out.push('[');
    for (at, bound) in bounds.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        // `{:?}` turns to exponents where `{}` would write hundreds of zeros.
        let _ = write!(out, "{comma}{bound:?}");
    }
    out.push(']');
    true
}

pub fn parse_bounds(text: &str) -> Result<Vec<f64>, Malformed> {
    parse(text, |number| number.parse().ok())
}

fn parse<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Malformed> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let inner = inner.ok_or(Malformed::Numbers)?;
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    inner.split(',').map(|number| read(number).ok_or(Malformed::Numbers)).collect()
}

/// Appends `counts` to a stored `Buckets` message.
pub fn put_differences(out: &mut Vec<u8>, counts: &[u64], scratch: &mut Vec<u8>) {
    if counts.is_empty() {
        return;
    }
    scratch.clear();
    let mut before = 0u64;
    for count in counts {
        put_zigzag(scratch, count.wrapping_sub(before) as i64);
        before = *count;
    }
    put_message(out, COUNT_DIFFERENCES, scratch);
}

/// Appends the counts that `packed` has the differences of.
pub fn read_differences(packed: &[u8], counts: &mut Vec<u64>) -> Result<(), Malformed> {
    let mut reader = Reader::new(packed);
    let mut count = 0u64;
    while !reader.is_done() {
        count = count.wrapping_add(reader.zigzag()? as u64);
        counts.push(count);
    }
    Ok(())
}

/// Appends a field of packed 8-byte numbers.
pub fn put_packed(out: &mut Vec<u8>, field: u32, numbers: impl ExactSizeIterator<Item = u64>) {
    if numbers.len() == 0 {
        return;
    }
    put_varint(out, u64::from(tag(field, LENGTH)));
    put_varint(out, numbers.len() as u64 * 8);
    numbers.for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_survive_both_forms(counts in prop::collection::vec(any::<u64>(), 0..20)) {
            let mut text = String::new();
            render_counts(&counts, &mut text);
            prop_assert_eq!(parse_counts(&text).unwrap(), counts.clone());
            prop_assert_eq!(&serde_json::from_str::<Vec<u64>>(&text).unwrap(), &counts);

            let mut message = Vec::new();
            put_differences(&mut message, &counts, &mut Vec::new());
            let mut read = Vec::new();
            let mut reader = Reader::new(&message);
            if !reader.is_done() {
                prop_assert_eq!(reader.tag().unwrap(), tag(COUNT_DIFFERENCES, LENGTH));
                read_differences(reader.length_delimited().unwrap(), &mut read).unwrap();
            }
            prop_assert_eq!(read, counts);
        }

        #[test]
        fn bounds_survive_to_the_bit(bits in prop::collection::vec(any::<u64>(), 0..20)) {
            let bounds: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            let mut text = String::new();
            if render_bounds(&bounds, &mut text) {
                let read = parse_bounds(&text).unwrap();
                let bits = |bounds: &[f64]| bounds.iter().map(|b| b.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&read), bits(&bounds));
            } else {
                prop_assert!(text.is_empty() && bounds.iter().any(|bound| !bound.is_finite()));
            }
        }

        #[test]
        fn damaged_text_never_panics(text in ".{0,20}") {
            let _ = (parse_counts(&text), parse_bounds(&text));
        }
    }

    #[test]
    fn lists_of_anything_else_are_refused() {
        for text in
            ["", "[", "1", "[1", "[1,]", "[,]", "[+1]", "[-1]", "[1 ]", "[18446744073709551616]"]
        {
            assert_eq!(parse_counts(text), Err(Malformed::Numbers), "{text}");
        }
        assert_eq!(parse_bounds("[0.5,x]"), Err(Malformed::Numbers));
        assert_eq!(parse_bounds("[-0.0,1e300]").unwrap()[1], 1e300);
    }
}
