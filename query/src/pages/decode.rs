//! The encodings of values in pages.

use super::Unreadable;
use std::ops::Range;

/// Bytes left of a page.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Unreadable> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Unreadable)
    }

    pub(super) fn zigzag(&mut self) -> Result<i64, Unreadable> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(super) fn count(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.varint()?).map_err(|_| Unreadable)
    }
}

/// DELTA_BINARY_PACKED: appends the values of a page that has at most `count_max`.
pub(crate) fn deltas(page: &[u8], count_max: usize, out: &mut Vec<u64>) -> Result<(), Unreadable> {
    /// As many values as our writer, and every other one we know of, puts into a miniblock.
    const MINIBLOCK: usize = 32;
    let mut input = Input(page);
    let (block, miniblocks, count) = (input.count()?, input.count()?, input.count()?);
    if miniblocks == 0 || block != miniblocks.saturating_mul(MINIBLOCK) || count > count_max {
        return Err(Unreadable);
    }
    let mut last = input.zigzag()?;
    let end = out.len() + count;
    out.reserve(count);
    if count > 0 {
        out.push(last as u64);
    }
    while out.len() < end {
        let least = input.zigzag()?;
        let widths = input.take(miniblocks)?;
        for &width in widths {
            let wanted = MINIBLOCK.min(end - out.len());
            if wanted == 0 {
                break;
            }
            let packed = input.take(MINIBLOCK * usize::from(width) / 8)?;
            if width == 0 {
                out.extend((0..wanted).map(|_| {
                    last = last.wrapping_add(least);
                    last as u64
                }));
                continue;
            }
            let mut above = [0u64; MINIBLOCK];
            unpack(packed, u32::from(width), &mut above)?;
            out.extend(above[..wanted].iter().map(|above| {
                last = last.wrapping_add(least).wrapping_add(*above as i64);
                last as u64
            }));
        }
    }
    Ok(())
}

/// Values of `width` bits each, lowest bits first.
fn unpack(packed: &[u8], width: u32, out: &mut [u64]) -> Result<(), Unreadable> {
    /// 32 values of 64 bits, and room to read a whole word at the last of them.
    const ROOM: usize = 256 + 16;
    if width > 64 || packed.len() + 16 > ROOM {
        return Err(Unreadable);
    }
    let mut bytes = [0u8; ROOM];
    bytes[..packed.len()].copy_from_slice(packed);
    let mask = u64::MAX >> (64 - width);
    // Most values with the bits before them fit into one word.
    let is_narrow = width <= 56;
    for (index, value) in out.iter_mut().enumerate() {
        let bit = index * width as usize;
        let at = bit / 8;
        if is_narrow {
            let word = bytes[at..].first_chunk().ok_or(Unreadable)?;
            *value = u64::from_le_bytes(*word) >> (bit % 8) & mask;
            continue;
        }
        let word = bytes[at..].first_chunk().ok_or(Unreadable)?;
        *value = (u128::from_le_bytes(*word) >> (bit % 8)) as u64 & mask;
    }
    Ok(())
}

/// Runs and bit-packed groups of eight: calls `run` with a code and how often it comes, until there were `count`.
pub(crate) fn hybrid(
    bytes: &[u8],
    width: u32,
    count: usize,
    mut run: impl FnMut(u32, usize),
) -> Result<(), Unreadable> {
    if width > 32 {
        return Err(Unreadable);
    }
    let mut input = Input(bytes);
    let mut left = count;
    while left > 0 {
        let header = input.count()?;
        if header & 1 == 0 {
            let mut code = [0; 4];
            let stored = input.take(width.div_ceil(8) as usize)?;
            code[..stored.len()].copy_from_slice(stored);
            let length = (header >> 1).min(left);
            run(u32::from_le_bytes(code), length);
            left -= length;
            if length == 0 {
                return Err(Unreadable);
            }
            continue;
        }
        for _ in 0..header >> 1 {
            let packed = input.take(width as usize)?;
            let mut codes = [0u64; 8];
            if width > 0 {
                unpack(packed, width, &mut codes)?;
            }
            let wanted = left.min(8);
            codes[..wanted].iter().for_each(|code| run(*code as u32, 1));
            left -= wanted;
            if left == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// The codes at `places` (ascending) of runs and bit-packed groups that hold `count` codes.
pub(crate) fn hybrid_at(
    bytes: &[u8],
    width: u32,
    count: usize,
    places: &[u32],
    mut found: impl FnMut(u32),
) -> Result<(), Unreadable> {
    if width > 32 || places.last().is_some_and(|&last| last as usize >= count) {
        return Err(Unreadable);
    }
    let mut input = Input(bytes);
    let mut places = places.iter().map(|&place| place as usize).peekable();
    let mut start = 0usize;
    while places.peek().is_some() {
        let header = input.count()?;
        let length = match header & 1 {
            0 => header >> 1,
            _ => (header >> 1).checked_mul(8).ok_or(Unreadable)?,
        };
        if length == 0 {
            return Err(Unreadable);
        }
        let end = start.saturating_add(length);
        if header & 1 == 0 {
            let mut code = [0; 4];
            let stored = input.take(width.div_ceil(8) as usize)?;
            code[..stored.len()].copy_from_slice(stored);
            while places.next_if(|&place| place < end).is_some() {
                found(u32::from_le_bytes(code));
            }
        } else {
            // The last group may be cut where its codes end.
            let wanted = (length / 8).checked_mul(width as usize).ok_or(Unreadable)?;
            let packed = input.take(wanted.min(input.0.len()))?;
            while let Some(place) = places.next_if(|&place| place < end) {
                found(unpack_one(packed, width, place - start)?);
            }
        }
        start = end;
    }
    Ok(())
}

/// For each of `places` (ascending) of runs and bit-packed groups of `count` bits: the bit, and how many before it are set.
pub(crate) fn each_rank(
    bytes: &[u8],
    count: usize,
    places: &[u32],
    mut found: impl FnMut(bool, u32),
) -> Result<(), Unreadable> {
    if places.last().is_some_and(|&last| last as usize >= count) {
        return Err(Unreadable);
    }
    let mut input = Input(bytes);
    let mut places = places.iter().map(|&place| place as usize).peekable();
    let (mut start, mut before) = (0usize, 0u32);
    while places.peek().is_some() {
        let header = input.count()?;
        let groups = header >> 1;
        if groups == 0 {
            return Err(Unreadable);
        }
        if header & 1 == 0 {
            let is_set = input.byte()? == 1;
            let end = start.saturating_add(groups);
            while let Some(place) = places.next_if(|&place| place < end) {
                found(is_set, before + if is_set { (place - start) as u32 } else { 0 });
            }
            if is_set {
                before = before.saturating_add(u32::try_from(groups).map_err(|_| Unreadable)?);
            }
            start = end;
            continue;
        }
        for &byte in input.take(groups.min(input.0.len()))? {
            while let Some(place) = places.next_if(|&place| place < start + 8) {
                let bit = place - start;
                let below = byte & ((1u16 << bit) - 1) as u8;
                found(byte >> bit & 1 == 1, before + below.count_ones());
            }
            before += byte.count_ones();
            start += 8;
        }
    }
    Ok(())
}

/// The code at `index` of bit-packed codes of up to 32 bits.
fn unpack_one(packed: &[u8], width: u32, index: usize) -> Result<u32, Unreadable> {
    if width == 0 {
        return Ok(0);
    }
    let bit = index.checked_mul(width as usize).ok_or(Unreadable)?;
    let from = packed.get(bit / 8..).ok_or(Unreadable)?;
    let mut word = [0; 8];
    let bytes = from.len().min(8);
    if bytes * 8 < bit % 8 + width as usize {
        return Err(Unreadable);
    }
    word[..bytes].copy_from_slice(&from[..bytes]);
    Ok((u64::from_le_bytes(word) >> (bit % 8) & (u64::MAX >> (64 - width))) as u32)
}

/// Calls `run` with the codes of a dictionary column's page that has `count` values.
pub(crate) fn each_code(
    values: &[u8],
    count: usize,
    run: impl FnMut(u32, usize),
) -> Result<(), Unreadable> {
    let (width, codes) = values.split_first().ok_or(Unreadable)?;
    hybrid(codes, u32::from(*width), count, run)
}

/// BYTE_STREAM_SPLIT: some of the values of a page, whose lowest bytes come first, then the next ones.
pub(crate) fn split(page: &[u8], wanted: Range<usize>, out: &mut [u64]) -> Result<(), Unreadable> {
    let count = page.len() / 8;
    if wanted.end > count || wanted.len() != out.len() {
        return Err(Unreadable);
    }
    out.fill(0);
    for byte in 0..8 {
        let stream = &page[byte * count..][wanted.clone()];
        for (value, part) in out.iter_mut().zip(stream) {
            *value |= u64::from(*part) << (byte * 8);
        }
    }
    Ok(())
}

/// PLAIN numbers of 4 or 8 bytes.
pub(crate) fn plain(page: &[u8], width: usize, out: &mut Vec<u64>) {
    out.extend(page.chunks_exact(width).map(|bytes| {
        let mut number = [0; 8];
        number[..width].copy_from_slice(bytes);
        u64::from_le_bytes(number)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn garbage_is_unreadable(bytes in proptest::collection::vec(any::<u8>(), 0..100), width in 0u32..40) {
            let _ = deltas(&bytes, 1000, &mut Vec::new());
            let mut count = 0;
            let mut all = Vec::new();
            let read = hybrid(&bytes, width, 1000, |code, times| {
                count += times;
                all.extend(std::iter::repeat_n(code, times));
            });
            prop_assert!(count <= 1000 && (read.is_err() || count == 1000));
            let mut ranks = Vec::new();
            let mut bits = Vec::new();
            let read_bits = hybrid(&bytes, 1, 1000, |code, times| {
                bits.extend(std::iter::repeat_n(code == 1, times));
            });
            let places = [0, 1, 7, 8, 9, 500, 501, 999];
            let ranked = each_rank(&bytes, 1000, &places, |bit, before| ranks.push((bit, before)));
            if ranked.is_ok() && read_bits.is_ok() {
                let before = |place: &u32| bits[..*place as usize].iter().filter(|bit| **bit).count() as u32;
                let expected: Vec<_> =
                    places.iter().map(|place| (bits[*place as usize], before(place))).collect();
                prop_assert_eq!(ranks, expected);
            }
            let mut some = Vec::new();
            let places = [0, 1, 7, 8, 9, 500, 501, 999];
            if hybrid_at(&bytes, width, 1000, &places, |code| some.push(code)).is_ok() && read.is_ok() {
                let expected: Vec<u32> = places.iter().map(|&place: &u32| all[place as usize]).collect();
                prop_assert_eq!(some, expected);
            }
        }
    }
}
