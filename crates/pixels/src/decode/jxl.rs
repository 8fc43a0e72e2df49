//! JPEG XL, by the decoder that browsers use (jxl-rs of the JPEG XL project); of an animation the first frame.
//!
//! Samples come as they are coded, as 8 bits; colors that are coded in XYB come as sRGB. The decoder turns pictures
//! upright by their header, and whatever EXIF says does not count.

use jxl::api::{
    AlphaMode, Event, ExtraChannel, JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions, JxlOutputBuffer,
    JxlPixelFormat, ProfileLevel,
};

use super::{check_memory, check_pixels};
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// Bytes that the decoder keeps of a sample: twice a float, of the frame and of one that it is laid over.
const BYTES_PER_SAMPLE: u64 = 8;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let mut options = JxlDecoderOptions::default();
    options.alpha_mode = AlphaMode::Unpremultiplied;
    options.max_profile_level = ProfileLevel::Main10;
    // Frames that are never shown may be larger than the picture.
    let samples = limits.max_pixels.saturating_mul(4).min(limits.max_alloc / BYTES_PER_SAMPLE);
    options.sample_limit = Some(usize::try_from(samples).unwrap_or(usize::MAX));
    let mut decoder = JxlDecoder::new(options);
    let mut input = bytes;
    let mut until =
        |decoder: &mut JxlDecoder, wanted: fn(&Event) -> bool, mut out: Option<&mut [JxlOutputBuffer<'_>]>| loop {
            let event = decoder.process(&mut input, out.as_deref_mut(), None).map_err(broken)?;
            if wanted(&event) {
                return Ok(());
            }
            if let Event::NeedMoreInput { .. } | Event::Complete = event {
                return Err(Error::new(ErrorKind::Decode, "JPEG XL broken: it ends early"));
            }
        };
    until(&mut decoder, |event| matches!(event, Event::BasicInfo), None)?;
    let not_read = || Error::new(ErrorKind::Decode, "JPEG XL broken: its header is not whole");
    let info = decoder.basic_info().ok_or_else(not_read)?;
    let (width, height) = info.size;
    let extra = info.extra_channels.len();
    let has_alpha = info.extra_channels.iter().any(|channel| channel.ec_type == ExtraChannel::Alpha);
    let is_gray = decoder.embedded_color_profile().is_some_and(|profile| profile.channels() == 1);
    let (layout, color_type) = match (is_gray, has_alpha) {
        (true, false) => (Layout::Gray, JxlColorType::Grayscale),
        (true, true) => (Layout::GrayAlpha, JxlColorType::GrayscaleAlpha),
        (false, false) => (Layout::Rgb, JxlColorType::Rgb),
        (false, true) => (Layout::Rgba, JxlColorType::Rgba),
    };
    check_pixels(width as u64, height as u64, limits)?;
    let channels = layout.channels() as u64;
    let of_a_pixel = (3 + extra as u64).saturating_mul(BYTES_PER_SAMPLE).saturating_add(channels);
    check_memory((width, height), (width as u64 * height as u64).saturating_mul(of_a_pixel), limits)?;
    let format = JxlPixelFormat {
        color_type,
        color_data_format: Some(JxlDataFormat::U8 { bit_depth: 8 }),
        extra_channel_format: vec![None; extra],
    };
    decoder.set_pixel_format(format).map_err(broken)?;
    let mut data = memory::zeroed(width, height, layout.channels())?;
    let mut rows = [JxlOutputBuffer::new(&mut data, height, width * layout.channels())];
    until(&mut decoder, |event| matches!(event, Event::FrameComplete { .. }), Some(&mut rows))?;
    Pixels::new(Header { width, height, layout, orientation: Orientation::Upright }, data)
}

fn broken(error: jxl::error::Error) -> Error {
    use jxl::error::Error::{ImageDimensionTooLarge, ImageSizeTooLarge};
    match error {
        // Of a frame or of what is made of it, over the limit on samples.
        ImageSizeTooLarge(..) | ImageDimensionTooLarge(_) => {
            Error::new(ErrorKind::TooLarge, "JPEG XL of too many samples").with_source(error)
        }
        _ => Error::new(ErrorKind::Decode, "JPEG XL broken").with_source(error),
    }
}
