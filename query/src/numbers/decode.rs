//! The encodings of numbers in pages.

use super::Unreadable;
use std::ops::Range;

/// Bytes left of a page.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        Ok(self.take(1)?[0])
    }

    fn varint(&mut self) -> Result<u64, Unreadable> {
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

    fn zigzag(&mut self) -> Result<i64, Unreadable> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn count(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.varint()?).map_err(|_| Unreadable)
    }
}

/// DELTA_BINARY_PACKED: appends the values of a page that has at most `count_max`.
pub(super) fn deltas(page: &[u8], count_max: usize, out: &mut Vec<u64>) -> Result<(), Unreadable> {
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
pub(super) fn hybrid(
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

/// BYTE_STREAM_SPLIT: some of the values of a page, whose lowest bytes come first, then the next ones.
pub(super) fn split(page: &[u8], wanted: Range<usize>, out: &mut [u64]) -> Result<(), Unreadable> {
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
pub(super) fn plain(page: &[u8], width: usize, out: &mut Vec<u64>) {
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
            let read = hybrid(&bytes, width, 1000, |_, times| count += times);
            prop_assert!(count <= 1000 && (read.is_err() || count == 1000));
        }
    }
}
