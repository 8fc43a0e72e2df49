//! The AV1 decoder at work on one picture.

use re_rav1d::dav1d::{Decoder, Error as Av1Error, Settings};

use super::planes::Planes;
use super::{Coded, broken, unsupported};
use crate::{Error, ErrorKind, Result};

/// Frames that a picture may be made of; each costs as much as the picture. Layers are at most 4, and a frame that is
/// shown may need another that is not.
const MOST_FRAMES: usize = 8;

pub(super) fn decode(coded: &Coded<'_>) -> Result<Planes> {
    let mut settings = Settings::new();
    // One thread, the caller's: where a picture's memory and panics can be accounted for.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_strict_std_compliance(false);
    settings.set_operating_point(u32::from(coded.operating_point));
    settings.set_all_layers(coded.layer.is_some());
    // Whatever size the data say, memory was counted for this one.
    settings.set_frame_size_limit(coded.size.0.saturating_mul(coded.size.1));
    let mut decoder = Decoder::with_settings(&settings).map_err(failed)?;
    let mut more = match decoder.send_data(coded.data.to_vec(), None, None, None) {
        Err(Av1Error::Again) => true,
        sent => {
            sent.map_err(failed)?;
            false
        }
    };
    let mut passed_over = 0;
    loop {
        match decoder.get_picture() {
            Ok(_) if coded.layer.is_some_and(|layer| passed_over < layer) => passed_over += 1,
            Ok(picture) => {
                let planes = Planes::of(picture)?;
                let (width, height) = (coded.size.0 as usize, coded.size.1 as usize);
                if planes.size() != (width, height) {
                    return Err(unsupported("a picture that is to be scaled"));
                }
                return Ok(planes);
            }
            Err(Av1Error::Again) if more => match decoder.send_pending_data() {
                Err(Av1Error::Again) => {}
                sent => {
                    sent.map_err(failed)?;
                    more = false;
                }
            },
            Err(Av1Error::Again) => return Err(broken("the AV1 data have no picture")),
            Err(error) => return Err(failed(error)),
        }
    }
}

fn failed(error: Av1Error) -> Error {
    match error {
        Av1Error::NotEnoughMemory => Error::new(ErrorKind::OutOfMemory, "no memory for an AVIF picture"),
        other => broken("the AV1 data are").with_source(other.to_string()),
    }
}

/// How many frames there are in `data`.
///
/// # Errors
/// `Decode` where the data are cut, `UnsupportedFormat` for more frames than a picture needs.
pub(super) fn frames(data: &[u8]) -> Result<u64> {
    let frames = count(data).ok_or_else(|| broken("the AV1 data are cut"))?;
    if frames > MOST_FRAMES {
        return Err(unsupported(&format!("{frames} frames for one picture")));
    }
    Ok(frames as u64)
}

/// The frames in a row of OBUs ("open bitstream units", section 5.3 of the AV1 specification).
fn count(mut data: &[u8]) -> Option<usize> {
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let mut frames = 0;
    while let Some((&header, mut rest)) = data.split_first() {
        let kind = header >> 3 & 15;
        frames += usize::from(kind == FRAME_HEADER || kind == FRAME);
        if header & 4 != 0 {
            rest = rest.get(1..)?;
        }
        if header & 2 == 0 {
            // Without a size it is the last.
            break;
        }
        let mut size = 0u64;
        for at in 0.. {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            size |= u64::from(byte & 127) << (7 * at);
            if byte & 128 == 0 {
                break;
            }
            if at == 7 {
                return None;
            }
        }
        data = rest.get(usize::try_from(size).ok()?..)?;
    }
    Some(frames)
}
