//! `md5sum` and `sha256sum`: both work on blocks of 64 bytes, which are padded alike.

use std::io::{self, Read, Write};

use crate::call::Call;
use crate::files::open;
use crate::options::options;

const BLOCK_BYTES: usize = 64;

/// `md5sum`.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn md5sum(call: &mut Call) -> io::Result<u8> {
    print(call, |file| {
        let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        blocks(file, u64::to_le_bytes, |block| md5_block(&mut state, block))?;
        Ok(state.iter().flat_map(|word: &u32| word.to_le_bytes()).collect())
    })
}

/// `sha256sum`.
///
/// # Errors
/// An option is not known, or the output breaks.
pub fn sha256sum(call: &mut Call) -> io::Result<u8> {
    print(call, sha256)
}

fn sha256(file: &mut dyn Read) -> io::Result<Vec<u8>> {
    // The fractions of the roots of the first primes, as the standard says: counted, not copied.
    let mut state: [u32; 8] = std::array::from_fn(|at| fraction(f64::sqrt(prime(at))));
    let constants: [u32; 64] = std::array::from_fn(|at| cube_root_fraction(prime(at) as u64));
    blocks(file, u64::to_be_bytes, |block| sha256_block(&mut state, block, &constants))?;
    Ok(state.iter().flat_map(|word| word.to_be_bytes()).collect())
}

fn print(call: &mut Call, sum: impl Fn(&mut dyn Read) -> io::Result<Vec<u8>>) -> io::Result<u8> {
    let options = options(call.args, "")?;
    open::each(call, &options.words, |name, mut file, out| {
        let hex: String = sum(&mut file)?.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{hex}  {name}")
    })
}

/// Gives the blocks of a file: its bytes, a mark, zeros, and its length in bits.
fn blocks(file: &mut dyn Read, length: fn(u64) -> [u8; 8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = [0; BLOCK_BYTES * 64];
    let mut rest = Vec::new();
    let mut bytes: u64 = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        rest.extend_from_slice(&buffer[..read]);
        let whole = rest.len() / BLOCK_BYTES * BLOCK_BYTES;
        rest[..whole].chunks_exact(BLOCK_BYTES).for_each(&mut each);
        rest.drain(..whole);
    }
    rest.push(0x80);
    rest.resize((rest.len() + 8).div_ceil(BLOCK_BYTES) * BLOCK_BYTES - 8, 0);
    rest.extend_from_slice(&length(bytes.wrapping_mul(8)));
    rest.chunks_exact(BLOCK_BYTES).for_each(each);
    Ok(())
}

fn md5_block(state: &mut [u32; 4], block: &[u8]) {
    const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| block[at * 4 + byte]));
    let [mut a, mut b, mut c, mut d] = *state;
    for at in 0..64 {
        let (mixed, from) = match at / 16 {
            0 => ((b & c) | (!b & d), at),
            1 => ((d & b) | (!d & c), (5 * at + 1) % 16),
            2 => (b ^ c ^ d, (3 * at + 5) % 16),
            _ => (c ^ (b | !d), 7 * at % 16),
        };
        let constant = (f64::from(at as u32 + 1).sin().abs() * 4_294_967_296.0) as u32;
        let sum = a.wrapping_add(mixed).wrapping_add(constant).wrapping_add(word(from));
        (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(TURNS[at / 16][at % 4])));
    }
    for (total, part) in state.iter_mut().zip([a, b, c, d]) {
        *total = total.wrapping_add(part);
    }
}

fn sha256_block(state: &mut [u32; 8], block: &[u8], constants: &[u32; 64]) {
    let mut words: [u32; 64] = [0; 64];
    for at in 0..64 {
        words[at] = if at < 16 {
            u32::from_be_bytes(std::array::from_fn(|byte| block[at * 4 + byte]))
        } else {
            let (early, late) = (words[at - 15], words[at - 2]);
            let first = early.rotate_right(7) ^ early.rotate_right(18) ^ (early >> 3);
            let second = late.rotate_right(17) ^ late.rotate_right(19) ^ (late >> 10);
            words[at - 16].wrapping_add(first).wrapping_add(words[at - 7]).wrapping_add(second)
        };
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for at in 0..64 {
        let high = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let one = h.wrapping_add(high).wrapping_add(choice).wrapping_add(constants[at]).wrapping_add(words[at]);
        let low = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let two = low.wrapping_add((a & b) ^ (a & c) ^ (b & c));
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(one), c, b, a, one.wrapping_add(two));
    }
    for (total, part) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *total = total.wrapping_add(part);
    }
}

/// The prime with this index.
fn prime(index: usize) -> f64 {
    let is_prime = |n: &u32| (2..*n).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    (2..).filter(is_prime).nth(index).map_or(2.0, f64::from)
}

/// The first 32 bits behind the point.
fn fraction(number: f64) -> u32 {
    (number.fract() * 4_294_967_296.0) as u32
}

/// The first 32 bits behind the point of a cube root, exactly: the largest `r` with `r³ ≤ n·2⁹⁶`.
fn cube_root_fraction(n: u64) -> u32 {
    let target = u128::from(n) << 96;
    let mut root: u128 = 0;
    for bit in (0..36).rev() {
        let larger = root | 1 << bit;
        if larger * larger * larger <= target {
            root = larger;
        }
    }
    root as u32
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(sha256(&mut &b"abc"[..]).unwrap()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let long = vec![b'a'; 119];
        assert_eq!(
            hex(sha256(&mut long.as_slice()).unwrap()),
            "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"
        );
        let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        blocks(&mut &b"abc"[..], u64::to_le_bytes, |block| md5_block(&mut state, block)).unwrap();
        let bytes = state.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        assert_eq!(hex(bytes), "900150983cd24fb0d6963f7d28e17f72");
    }
}
