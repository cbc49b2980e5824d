//! DELTA_BINARY_PACKED: differences of neighbours, less their smallest, bit-packed.

use crate::model::wire::put_varint;

/// Values that share a bit width: few, so that one outlier widens few.
const MINIBLOCK: usize = 32;

const MINIBLOCKS: usize = 4;

/// Differences that share a smallest one.
const BLOCK: usize = MINIBLOCK * MINIBLOCKS;

/// Appends `values` as one page holds them.
pub(super) fn put_deltas(values: &[i64], out: &mut Vec<u8>) {
    put_varint(out, BLOCK as u64);
    put_varint(out, MINIBLOCKS as u64);
    put_varint(out, values.len() as u64);
    put_varint(out, zigzag(values.first().copied().unwrap_or(0)));
    let mut deltas = [0i64; BLOCK];
    let mut last = values.first().copied().unwrap_or(0);
    for block in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        let deltas = &mut deltas[..block.len()];
        for (delta, &value) in deltas.iter_mut().zip(block) {
            *delta = value.wrapping_sub(last);
            last = value;
        }
        put_block(deltas, out);
    }
}

fn put_block(deltas: &[i64], out: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or(0);
    put_varint(out, zigzag(least));
    let widths = out.len();
    out.extend_from_slice(&[0; MINIBLOCKS]);
    for (index, miniblock) in deltas.chunks(MINIBLOCK).enumerate() {
        let mut above = [0u64; MINIBLOCK];
        let mut all = 0;
        for (above, &delta) in above.iter_mut().zip(miniblock) {
            *above = delta.wrapping_sub(least) as u64;
            all |= *above;
        }
        let width = 64 - all.leading_zeros();
        out[widths + index] = width as u8;
        pack(&above, width, out);
    }
}

fn pack(values: &[u64; MINIBLOCK], width: u32, out: &mut Vec<u8>) {
    let (mut bits, mut count) = (0u128, 0);
    for &value in values {
        bits |= u128::from(value) << count;
        count += width;
        if count >= 64 {
            out.extend_from_slice(&(bits as u64).to_le_bytes());
            bits >>= 64;
            count -= 64;
        }
    }
    // 32 values of any width fill whole 32-bit words.
    out.extend_from_slice(&bits.to_le_bytes()[..(count / 8) as usize]);
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}
