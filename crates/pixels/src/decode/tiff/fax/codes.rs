//! The codes of Group 3 and Group 4 (ITU-T T.4, tables 2 to 4, and T.6, table 1), as tables that the next bits are looked
//! up in. The first bit is the lowest one.

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Meaning {
    /// No code.
    #[default]
    None,
    /// The end of a run.
    Ends,
    /// A part of a run, which goes on.
    GoesOn,
    /// The end of a line: eleven zeros.
    EndOfLine,
    Pass,
    Horizontal,
    /// The change lies by so many pixels to the right of that above, or at it.
    Right,
    /// To its left.
    Left,
    Extension,
}

/// An entry of a table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Code {
    pub(super) meaning: Meaning,
    /// Its bits; of no code 0, so that it is met again.
    pub(super) width: u8,
    /// Pixels.
    pub(super) pixels: u16,
}

pub(super) const WHITE_BITS: u32 = 12;
pub(super) const BLACK_BITS: u32 = 13;
pub(super) const MODE_BITS: u32 = 7;

/// All tables.
pub(super) struct Tables {
    pub(super) white: Vec<Code>,
    pub(super) black: Vec<Code>,
    pub(super) mode: Vec<Code>,
}

impl Tables {
    pub(super) fn new() -> Self {
        let modes = [
            (4, 0b1, Meaning::Pass, 0),
            (3, 0b1, Meaning::Horizontal, 0),
            (1, 0b1, Meaning::Right, 0),
            (3, 0b11, Meaning::Right, 1),
            (6, 0b11, Meaning::Right, 2),
            (7, 0b11, Meaning::Right, 3),
            (3, 0b10, Meaning::Left, 1),
            (6, 0b10, Meaning::Left, 2),
            (7, 0b10, Meaning::Left, 3),
            (7, 0b1, Meaning::Extension, 0),
            (7, 0b0, Meaning::EndOfLine, 0),
        ];
        let mut mode = vec![Code::default(); 1 << MODE_BITS];
        for (width, bits, meaning, pixels) in modes {
            fill(&mut mode, width, bits, Code { meaning, width, pixels });
        }
        Self { white: runs(WHITE_BITS, &WHITE), black: runs(BLACK_BITS, &BLACK), mode }
    }
}

/// The table of one color's runs.
fn runs(bits: u32, codes: &[(u8, u16)]) -> Vec<Code> {
    let mut table = vec![Code::default(); 1 << bits];
    for (index, &(width, code)) in (0u16..).zip(codes) {
        let (meaning, pixels) = if index < 64 { (Meaning::Ends, index) } else { (Meaning::GoesOn, (index - 63) * 64) };
        fill(&mut table, width, code, Code { meaning, width, pixels });
    }
    for (index, (width, code)) in (28u16..).zip(LONG) {
        fill(&mut table, width, code, Code { meaning: Meaning::GoesOn, width, pixels: index * 64 });
    }
    fill(&mut table, 11, 0, Code { meaning: Meaning::EndOfLine, width: 11, pixels: 0 });
    table
}

/// Sets all entries whose lowest bits are those of `code`, turned round.
fn fill(table: &mut [Code], width: u8, code: u16, entry: Code) {
    let first = code.reverse_bits() >> (16 - width);
    table.iter_mut().skip(usize::from(first)).step_by(1 << width).for_each(|slot| *slot = entry);
}

/// Length and bits of the codes of white runs: of 0 to 63 pixels, then of 64, 128 and so on to 1728.
#[rustfmt::skip]
const WHITE: [(u8, u16); 91] = [
    (8, 0x35), (6, 0x7), (4, 0x7), (4, 0x8), (4, 0xb), (4, 0xc), (4, 0xe), (4, 0xf), (5, 0x13), (5, 0x14), (5, 0x7),
    (5, 0x8), (6, 0x8), (6, 0x3), (6, 0x34), (6, 0x35), (6, 0x2a), (6, 0x2b), (7, 0x27), (7, 0xc), (7, 0x8),
    (7, 0x17), (7, 0x3), (7, 0x4), (7, 0x28), (7, 0x2b), (7, 0x13), (7, 0x24), (7, 0x18), (8, 0x2), (8, 0x3),
    (8, 0x1a), (8, 0x1b), (8, 0x12), (8, 0x13), (8, 0x14), (8, 0x15), (8, 0x16), (8, 0x17), (8, 0x28), (8, 0x29),
    (8, 0x2a), (8, 0x2b), (8, 0x2c), (8, 0x2d), (8, 0x4), (8, 0x5), (8, 0xa), (8, 0xb), (8, 0x52), (8, 0x53),
    (8, 0x54), (8, 0x55), (8, 0x24), (8, 0x25), (8, 0x58), (8, 0x59), (8, 0x5a), (8, 0x5b), (8, 0x4a), (8, 0x4b),
    (8, 0x32), (8, 0x33), (8, 0x34), (5, 0x1b), (5, 0x12), (6, 0x17), (7, 0x37), (8, 0x36), (8, 0x37), (8, 0x64),
    (8, 0x65), (8, 0x68), (8, 0x67), (9, 0xcc), (9, 0xcd), (9, 0xd2), (9, 0xd3), (9, 0xd4), (9, 0xd5), (9, 0xd6),
    (9, 0xd7), (9, 0xd8), (9, 0xd9), (9, 0xda), (9, 0xdb), (9, 0x98), (9, 0x99), (9, 0x9a), (6, 0x18), (9, 0x9b),
];

/// The same of black runs.
#[rustfmt::skip]
const BLACK: [(u8, u16); 91] = [
    (10, 0x37), (3, 0x2), (2, 0x3), (2, 0x2), (3, 0x3), (4, 0x3), (4, 0x2), (5, 0x3), (6, 0x5), (6, 0x4), (7, 0x4),
    (7, 0x5), (7, 0x7), (8, 0x4), (8, 0x7), (9, 0x18), (10, 0x17), (10, 0x18), (10, 0x8), (11, 0x67), (11, 0x68),
    (11, 0x6c), (11, 0x37), (11, 0x28), (11, 0x17), (11, 0x18), (12, 0xca), (12, 0xcb), (12, 0xcc), (12, 0xcd),
    (12, 0x68), (12, 0x69), (12, 0x6a), (12, 0x6b), (12, 0xd2), (12, 0xd3), (12, 0xd4), (12, 0xd5), (12, 0xd6),
    (12, 0xd7), (12, 0x6c), (12, 0x6d), (12, 0xda), (12, 0xdb), (12, 0x54), (12, 0x55), (12, 0x56), (12, 0x57),
    (12, 0x64), (12, 0x65), (12, 0x52), (12, 0x53), (12, 0x24), (12, 0x37), (12, 0x38), (12, 0x27), (12, 0x28),
    (12, 0x58), (12, 0x59), (12, 0x2b), (12, 0x2c), (12, 0x5a), (12, 0x66), (12, 0x67), (10, 0xf), (12, 0xc8),
    (12, 0xc9), (12, 0x5b), (12, 0x33), (12, 0x34), (12, 0x35), (13, 0x6c), (13, 0x6d), (13, 0x4a), (13, 0x4b),
    (13, 0x4c), (13, 0x4d), (13, 0x72), (13, 0x73), (13, 0x74), (13, 0x75), (13, 0x76), (13, 0x77), (13, 0x52),
    (13, 0x53), (13, 0x54), (13, 0x55), (13, 0x5a), (13, 0x5b), (13, 0x64), (13, 0x65),
];

/// Runs of 1792, 1856 and so on to 2560 pixels, of either color.
#[rustfmt::skip]
const LONG: [(u8, u16); 13] = [
    (11, 0x8), (11, 0xc), (11, 0xd), (12, 0x12), (12, 0x13), (12, 0x14), (12, 0x15), (12, 0x16), (12, 0x17),
    (12, 0x1c), (12, 0x1d), (12, 0x1e), (12, 0x1f),
];
