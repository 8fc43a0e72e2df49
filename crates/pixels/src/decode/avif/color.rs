//! How samples stand for colors, by the numbers of ITU-T H.273 ("coding-independent code points").

use re_rav1d::dav1d::Picture;
use re_rav1d::dav1d::pixel::{ColorPrimaries, MatrixCoefficients, YUVRange};

use super::super::isobmff::{Property, Reader};

/// Matrices that are named somewhere in the code.
pub(super) const IDENTITY: u16 = 0;
pub(super) const BT709: u16 = 1;
pub(super) const UNSPECIFIED: u16 = 2;
pub(super) const BT601: [u16; 2] = [5, 6];
pub(super) const YCGCO: u16 = 8;
pub(super) const BT2020: u16 = 9;
/// The matrix follows from the primaries.
pub(super) const OF_PRIMARIES: u16 = 12;
/// YCgCo with two more bits than RGB has, so that nothing is lost.
pub(super) const YCGCO_RE: u16 = 16;

#[derive(Clone, Copy)]
pub(super) struct Color {
    pub(super) primaries: u16,
    pub(super) matrix: u16,
    pub(super) full_range: bool,
}

impl Color {
    /// By a `colr` property of the kind `nclx`.
    pub(super) fn of(properties: &[Property<'_>]) -> Option<Self> {
        properties.iter().filter(|property| &property.kind == b"colr").find_map(|property| Self::in_box(property.body))
    }

    pub(super) fn in_box(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body.strip_prefix(b"nclx")?);
        let (primaries, _, matrix) = (reader.uint(2)?, reader.uint(2)?, reader.uint(2)?);
        let full_range = reader.uint(1)? & 0x80 != 0;
        Some(Self { primaries: primaries as u16, matrix: matrix as u16, full_range })
    }

    /// By the AV1 data themselves.
    pub(super) fn in_stream(picture: &Picture) -> Self {
        let matrix = match picture.matrix_coefficients() {
            MatrixCoefficients::Identity => IDENTITY,
            MatrixCoefficients::BT709 => BT709,
            MatrixCoefficients::Unspecified => UNSPECIFIED,
            MatrixCoefficients::Reserved => 3,
            MatrixCoefficients::BT470M => 4,
            MatrixCoefficients::BT470BG => 5,
            MatrixCoefficients::ST170M => 6,
            MatrixCoefficients::ST240M => 7,
            MatrixCoefficients::YCgCo => YCGCO,
            MatrixCoefficients::BT2020NonConstantLuminance => BT2020,
            MatrixCoefficients::BT2020ConstantLuminance => 10,
            MatrixCoefficients::ST2085 => 11,
            MatrixCoefficients::ChromaticityDerivedNonConstantLuminance => OF_PRIMARIES,
            MatrixCoefficients::ChromaticityDerivedConstantLuminance => 13,
            MatrixCoefficients::ICtCp => 14,
        };
        // Asked for reserved ones, rav1d panics; they matter for this matrix alone.
        let primaries = if matrix == OF_PRIMARIES { primaries(picture.color_primaries()) } else { 2 };
        Self { primaries, matrix, full_range: matches!(picture.color_range(), YUVRange::Full) }
    }
}

fn primaries(primaries: ColorPrimaries) -> u16 {
    match primaries {
        ColorPrimaries::Reserved0 => 0,
        ColorPrimaries::BT709 => 1,
        ColorPrimaries::Unspecified => 2,
        ColorPrimaries::Reserved => 3,
        ColorPrimaries::BT470M => 4,
        ColorPrimaries::BT470BG => 5,
        ColorPrimaries::ST170M => 6,
        ColorPrimaries::ST240M => 7,
        ColorPrimaries::Film => 8,
        ColorPrimaries::BT2020 => 9,
        ColorPrimaries::ST428 => 10,
        ColorPrimaries::P3DCI => 11,
        ColorPrimaries::P3Display => 12,
        ColorPrimaries::Tech3213 => 22,
    }
}
