//! Small numbers in Parquet's hybrid of run lengths and bit packing: places in a dictionary, and
//! which rows have a value. The crate `parquet` keeps its decoder to itself and hands out values, so
//! that each would be looked up once more.

/// How many unpacked numbers are handed on at a time.
const BATCH: usize = 1 << 10;

/// The text of the format ends in the middle of a run, or has wider numbers than there are.
#[derive(Debug)]
pub(super) struct Broken;

/// Numbers that follow each other.
pub(super) enum Run<'a> {
    /// The same number so many times.
    Same(u32, usize),
    Each(&'a [u32]),
}

/// Hands on the first `count` numbers of `bytes`, which are `width` bits wide.
pub(super) fn each<E: From<Broken>>(
    mut bytes: &[u8],
    width: u8,
    count: usize,
    mut run: impl FnMut(Run<'_>) -> Result<(), E>,
) -> Result<(), E> {
    if width > 32 {
        return Err(Broken.into());
    }
    let mut unpacked = [0; BATCH];
    let mut left = count;
    while left > 0 {
        let header = variable(&mut bytes).ok_or(Broken)?;
        let length = usize::try_from(header >> 1).map_err(|_| Broken)?;
        if header & 1 == 0 {
            let size = usize::from(width.div_ceil(8));
            let (value, rest) = bytes.split_at_checked(size).ok_or(Broken)?;
            bytes = rest;
            let value = value.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
            let length = length.min(left);
            run(Run::Same(value, length))?;
            left -= length;
            if length == 0 {
                return Err(Broken.into());
            }
            continue;
        }
        // Groups of eight, of which the last of all may be cut off.
        let size = length.checked_mul(usize::from(width)).ok_or(Broken)?;
        let (mut packed, rest) = bytes.split_at(size.min(bytes.len()));
        bytes = rest;
        let mut here = length.saturating_mul(8).min(left);
        if here == 0 || here * usize::from(width) > packed.len() * 8 {
            return Err(Broken.into());
        }
        left -= here;
        while here > 0 {
            let batch = here.min(BATCH);
            unpack(packed, width, &mut unpacked[..batch]);
            run(Run::Each(&unpacked[..batch]))?;
            packed = packed.get(batch * usize::from(width) / 8..).unwrap_or_default();
            here -= batch;
        }
    }
    Ok(())
}

const WORD: usize = size_of::<u64>();

/// Reads numbers that begin at the first bit; bytes that are not there are zero.
fn unpack(packed: &[u8], width: u8, to: &mut [u32]) {
    // With the width known, the shifts of eight numbers are as well.
    let done = match width {
        1 => unpack_eights::<1>(packed, to),
        2 => unpack_eights::<2>(packed, to),
        3 => unpack_eights::<3>(packed, to),
        4 => unpack_eights::<4>(packed, to),
        5 => unpack_eights::<5>(packed, to),
        6 => unpack_eights::<6>(packed, to),
        7 => unpack_eights::<7>(packed, to),
        8 => unpack_eights::<8>(packed, to),
        9 => unpack_eights::<9>(packed, to),
        10 => unpack_eights::<10>(packed, to),
        11 => unpack_eights::<11>(packed, to),
        12 => unpack_eights::<12>(packed, to),
        13 => unpack_eights::<13>(packed, to),
        14 => unpack_eights::<14>(packed, to),
        15 => unpack_eights::<15>(packed, to),
        16 => unpack_eights::<16>(packed, to),
        _ => 0,
    };
    let width = usize::from(width);
    let mask = (1_u64 << width) - 1;
    for (place, to) in to.iter_mut().enumerate().skip(done) {
        let bit = place * width;
        let mut bytes = [0; WORD];
        let rest = packed.get(bit / 8..).unwrap_or_default();
        let rest = &rest[..rest.len().min(WORD)];
        bytes[..rest.len()].copy_from_slice(rest);
        *to = u32::try_from((u64::from_le_bytes(bytes) >> (bit % 8)) & mask).unwrap_or(0);
    }
}

/// Reads numbers by eight as far as there are a few more bytes; how many.
fn unpack_eights<const WIDTH: usize>(packed: &[u8], to: &mut [u32]) -> usize {
    let mask = (1_u64 << WIDTH) - 1;
    let mut done = 0;
    // The last of eight begins within `WIDTH` bytes, and its word ends that much later.
    for (to, eight) in to.chunks_exact_mut(8).zip(packed.windows(WIDTH + WORD).step_by(WIDTH)) {
        for (place, to) in to.iter_mut().enumerate() {
            let bit = place * WIDTH;
            let word: [u8; WORD] = eight[bit / 8..].first_chunk().copied().unwrap_or_default();
            *to = u32::try_from((u64::from_le_bytes(word) >> (bit % 8)) & mask).unwrap_or(0);
        }
        done += 8;
    }
    done
}

/// A number of seven bits a byte, the lowest first.
fn variable(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

impl From<Broken> for parquet::errors::ParquetError {
    fn from(_: Broken) -> Self {
        Self::General("a page ends early, or its numbers are not those of its dictionary".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], width: u8, count: usize) -> Result<Vec<u32>, Broken> {
        let mut numbers = Vec::new();
        each(bytes, width, count, |run| {
            match run {
                Run::Same(number, count) => numbers.resize(numbers.len() + count, number),
                Run::Each(each) => numbers.extend_from_slice(each),
            }
            Ok::<_, Broken>(())
        })?;
        Ok(numbers)
    }

    /// Writes numbers as the format's description has it, bit by bit.
    fn packed(numbers: &[u32], width: u8) -> Vec<u8> {
        let groups = numbers.len().div_ceil(8);
        let mut bytes = vec![0; groups * usize::from(width)];
        for (place, number) in numbers.iter().enumerate() {
            for bit in 0..usize::from(width) {
                let at = place * usize::from(width) + bit;
                bytes[at / 8] |= u8::try_from((number >> bit) & 1).expect("a bit") << (at % 8);
            }
        }
        let mut header = (groups << 1) | 1;
        let mut all = Vec::new();
        while header >= 0x80 {
            all.push(u8::try_from(header & 0x7F).expect("seven bits") | 0x80);
            header >>= 7;
        }
        all.push(u8::try_from(header).expect("seven bits"));
        all.extend(bytes);
        all
    }

    #[test]
    fn the_example_of_the_format_s_description_is_read() {
        let bytes = [0b0000_0011, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(read(&bytes, 3, 8).expect("numbers"), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn runs_follow_each_other_and_a_width_of_zero_has_zeros() {
        let bytes = [&[20, 5][..], &packed(&[1, 2, 3], 3), &[4, 7]].concat();
        let expected = [&[5; 10][..], &[1, 2, 3, 0, 0, 0, 0, 0], &[7; 2]].concat();
        assert_eq!(read(&bytes, 3, 20).expect("numbers"), expected);
        assert_eq!(read(&[6], 0, 3).expect("numbers"), [0; 3]);
        assert_eq!(read(&[3], 0, 3).expect("numbers"), [0; 3]);
    }

    #[test]
    fn what_is_cut_off_is_broken() {
        for bytes in [&[][..], &[0x80], &[3, 1], &[4], &[0, 1], &[1], &[0xFF; 6]] {
            assert!(read(bytes, 9, 8).is_err(), "{bytes:?}");
        }
        assert!(read(&[4, 1], 33, 2).is_err());
    }

    proptest! {
        #[test]
        fn packed_numbers_are_read_back(width in 1_u8..=32, numbers in prop::collection::vec(any::<u32>(), 1..3000)) {
            let numbers: Vec<u32> = numbers.into_iter().map(|number| number >> (32 - width)).collect();
            prop_assert_eq!(read(&packed(&numbers, width), width, numbers.len()).expect("numbers"), numbers);
        }

        #[test]
        fn any_bytes_are_numbers_or_broken(bytes in prop::collection::vec(any::<u8>(), 0..60), width in 0_u8..40) {
            if let Ok(numbers) = read(&bytes, width, 100) {
                prop_assert_eq!(numbers.len(), 100);
            }
        }
    }
}
