//! Parquet's hybrid of runs and bit-packed groups of eight, in which codes, levels and booleans are written.

use crate::model::wire::put_varint;

/// Definition levels (1: a value, 0: null) of `rows` rows as runs and bit maps. `bits` has a bit per row, lowest first.
pub(super) fn put_levels(bits: &[u8], rows: usize, out: &mut Vec<u8>) {
    // Only whole bytes can be part of a run.
    let whole = rows / 8;
    let (mut at, mut literal) = (0, 0);
    while at < whole {
        let byte = bits[at];
        let run = bits[at..whole].iter().take_while(|&&other| other == byte).count();
        if (byte == 0 || byte == u8::MAX) && run >= 4 {
            literal_bits(&bits[literal..at], out);
            put_varint(out, (run as u64 * 8) << 1);
            out.push(byte & 1);
            literal = at + run;
        }
        at += run;
    }
    literal_bits(&bits[literal..rows.div_ceil(8)], out);
}

fn literal_bits(bits: &[u8], out: &mut Vec<u8>) {
    if !bits.is_empty() {
        put_varint(out, (bits.len() as u64) << 1 | 1);
        out.extend_from_slice(bits);
    }
}

/// Bits that the codes below `count` take.
pub(super) fn code_width(count: usize) -> u32 {
    match count {
        0 | 1 => 0,
        count => 32 - (count as u32 - 1).leading_zeros(),
    }
}

/// Codes of `width` bits.
pub(super) fn put_codes(codes: &[u32], width: u32, out: &mut Vec<u8>) {
    /// Shorter runs cost more than packing them.
    const RUN_MIN: usize = 16;
    if codes.is_empty() {
        return;
    }
    if width == 0 {
        put_varint(out, (codes.len() as u64) << 1);
        return;
    }
    let value_bytes = width.div_ceil(8) as usize;
    let (mut at, mut literal) = (0, 0);
    while at < codes.len() {
        let code = codes[at];
        let run = codes[at..].iter().take_while(|&&other| other == code).count();
        // Packed groups hold eight values, so the first few of a run fill the group before it.
        let fill = (8 - (at - literal) % 8) % 8;
        if run >= RUN_MIN && run - fill >= 8 {
            pack_group(&codes[literal..at + fill], width, out);
            put_varint(out, ((run - fill) as u64) << 1);
            out.extend_from_slice(&code.to_le_bytes()[..value_bytes]);
            literal = at + run;
        }
        at += run;
    }
    pack_group(&codes[literal..], width, out);
}

/// Groups of eight codes of `width` bits, the last one filled up with zeros.
fn pack_group(codes: &[u32], width: u32, out: &mut Vec<u8>) {
    if codes.is_empty() {
        return;
    }
    let groups = codes.len().div_ceil(8);
    put_varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * width as usize;
    let (mut bits, mut count) = (0u64, 0);
    for &code in codes {
        bits |= u64::from(code) << count;
        count += width;
        while count >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            count -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..(count as usize).div_ceil(8)]);
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a hybrid back, as the specification says.
    fn unpack(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut reader = crate::model::wire::Reader::new(bytes);
        let mut codes = Vec::new();
        while codes.len() < count {
            let header = reader.varint().unwrap();
            if header & 1 == 0 {
                let value = reader.bytes(width.div_ceil(8) as usize).unwrap();
                let mut code = [0; 4];
                code[..value.len()].copy_from_slice(value);
                codes.extend(std::iter::repeat_n(u32::from_le_bytes(code), (header >> 1) as usize));
            } else {
                let packed = reader.bytes((header >> 1) as usize * width as usize).unwrap();
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let code = |index: usize| {
                    (0..width as usize).map(|i| bit(index * width as usize + i) << i).sum::<u32>()
                };
                codes.extend((0..(header >> 1) as usize * 8).map(code));
            }
        }
        assert!(reader.is_done());
        codes.truncate(count);
        codes
    }

    proptest! {
        #[test]
        fn codes_survive_packing(width in 1u32..=32, runs in proptest::collection::vec((any::<u32>(), 1usize..40), 0..20)) {
            let mask = u32::MAX >> (32 - width);
            let codes: Vec<u32> = runs
                .iter()
                .flat_map(|&(code, count)| std::iter::repeat_n(code & mask, count))
                .collect();
            let mut packed = Vec::new();
            put_codes(&codes, width, &mut packed);
            prop_assert_eq!(unpack(&packed, width, codes.len()), codes);
        }

        #[test]
        fn levels_survive_packing(runs in proptest::collection::vec((any::<bool>(), 1usize..100), 0..20)) {
            let levels: Vec<bool> = runs
                .iter()
                .flat_map(|&(is_set, count)| std::iter::repeat_n(is_set, count))
                .collect();
            let mut bits = vec![0; levels.len().div_ceil(8)];
            levels.iter().enumerate().for_each(|(row, &level)| bits[row / 8] |= u8::from(level) << (row % 8));
            let mut packed = Vec::new();
            put_levels(&bits, levels.len(), &mut packed);
            let expected: Vec<u32> = levels.iter().map(|&level| u32::from(level)).collect();
            prop_assert_eq!(unpack(&packed, 1, levels.len()), expected);
        }
    }
}
