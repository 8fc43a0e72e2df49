//! Lossy WebP without alpha: its rows turn into RGB when they are asked for.
//!
//! What the decoder gives are planes, one of brightness and two of colour at half the width and height: half of what RGB
//! takes. The formulas are libwebp's, in integers (`src/dsp/upsampling.c`, "fancy upsampling", and `src/dsp/yuv.h`,
//! <https://chromium.googlesource.com/webm/libwebp>).

use ::image_webp::vp8::{Frame, Vp8Decoder};

use super::chunk;
use crate::decode::{broken, check_memory, check_pixels};
use crate::format::Format;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Area, Header, Layout, Orientation, RowSink, Rows};
use crate::{Error, ErrorKind, Result};

/// Rows that are handed on at a time.
const BATCH: usize = 8;
/// Pixels of a side of a macroblock, to a multiple of which the planes are padded; and the bytes that the decoder holds
/// of each besides.
const MACROBLOCK: u64 = 16;
const BYTES_OF_EACH: u64 = 64;

/// A decoded picture.
pub(crate) struct Lossy {
    frame: Frame,
    header: Header,
}

impl Lossy {
    /// Decodes the file's picture, of which the headers say that it is `size` large. None where there is none that is
    /// whole.
    pub(super) fn open(
        bytes: &[u8],
        size: (u32, u32),
        orientation: Orientation,
        limits: &Limits,
    ) -> Result<Option<Self>> {
        let mut rest = bytes.get(12..).unwrap_or_default();
        let data = loop {
            match chunk(rest) {
                None => return Ok(None),
                Some((b"VP8 ", data, _)) => break data,
                Some((_, _, after)) => rest = after,
            }
        };
        let (width, height) = (u64::from(size.0), u64::from(size.1));
        check_pixels(width, height, limits)?;
        let blocks = width.div_ceil(MACROBLOCK) * height.div_ceil(MACROBLOCK);
        check_memory(size, blocks * (MACROBLOCK * MACROBLOCK * 3 / 2 + BYTES_OF_EACH), limits)?;
        let frame = Vp8Decoder::decode_frame(data).map_err(|error| broken(Format::WebP, error))?;
        if (u32::from(frame.width), u32::from(frame.height)) != size {
            return Err(Error::new(ErrorKind::Decode, "WebP broken: its headers are of different sizes"));
        }
        let (width, height) = (usize::from(frame.width), usize::from(frame.height));
        Ok(Some(Self { frame, header: Header { width, height, layout: Layout::Rgb, orientation } }))
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    pub(crate) fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        let Header { width, height, .. } = self.header;
        // The planes' rows are padded to whole macroblocks.
        let stride = width.next_multiple_of(MACROBLOCK as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let mut batch = memory::zeroed(width * 3, BATCH, 1)?;
        let mut colors = [(); 2].map(|()| Upsampled::new(half_width));
        let mut count = 0;
        for y in area.rows.clone() {
            let near = y / 2;
            let far = if y % 2 == 1 { (near + 1).min(half_height - 1) } else { near.saturating_sub(1) };
            for (plane, color) in [&self.frame.ubuf, &self.frame.vbuf].into_iter().zip(&mut colors) {
                let row = |y: usize| &plane[y * (stride / 2)..][..half_width];
                color.fill(row(near), row(far));
            }
            let brightness = &self.frame.ybuf[y * stride..][..width];
            to_rgb(brightness, &colors[0].row, &colors[1].row, &mut batch[count * width * 3..][..width * 3]);
            count += 1;
            if count == BATCH || y + 1 == area.rows.end {
                sink(Rows { bytes: &batch[area.columns.start * 3..], stride: width * 3, count })?;
                count = 0;
            }
        }
        Ok(())
    }
}

/// A row of a colour plane at full width.
struct Upsampled {
    /// Three times the nearer row and once the further one.
    sums: Vec<u16>,
    row: Vec<u8>,
}

impl Upsampled {
    fn new(half_width: usize) -> Self {
        Self { sums: vec![0; half_width], row: vec![0; half_width * 2] }
    }

    /// Of each pair of rows and columns the nearer one weighs 3/4, the further one 1/4; rounded once.
    fn fill(&mut self, near: &[u8], far: &[u8]) {
        for (sum, (near, far)) in self.sums.iter_mut().zip(near.iter().zip(far)) {
            *sum = 3 * u16::from(*near) + u16::from(*far);
        }
        let last = self.sums.len() - 1;
        let mix = |near: u16, far: u16| ((3 * near + far + 8) >> 4) as u8;
        self.row[0] = mix(self.sums[0], self.sums[0]);
        for (pair, out) in self.sums.windows(2).zip(self.row[1..].as_chunks_mut::<2>().0) {
            *out = [mix(pair[0], pair[1]), mix(pair[1], pair[0])];
        }
        self.row[2 * last + 1] = mix(self.sums[last], self.sums[last]);
    }
}

/// Of values from 16 to 235 (brightness) and 16 to 240 (colours); `out` has three bytes for each of `brightness`.
fn to_rgb(brightness: &[u8], u: &[u8], v: &[u8], out: &mut [u8]) {
    let times = |value: u8, factor: i32| (i32::from(value) * factor) >> 8;
    let clip = |value: i32| (value >> 6).clamp(0, 255) as u8;
    for (pixel, ((&y, &u), &v)) in out.as_chunks_mut::<3>().0.iter_mut().zip(brightness.iter().zip(u).zip(v)) {
        let y = times(y, 19077);
        let red = clip(y + times(v, 26149) - 14234);
        let green = clip(y - times(u, 6419) - times(v, 13320) + 8708);
        let blue = clip(y + times(u, 33050) - 17685);
        *pixel = [red, green, blue];
    }
}
