//! Interlaced pictures: seven passes, each a small picture of its own (PNG specification, 8.2).

use super::chunks::Frame;

/// Where a pass begins, and how far apart its pixels are.
#[derive(Clone, Copy)]
pub(super) struct Pass {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// The passes in which there are pixels.
pub(super) fn passes(frame: Frame) -> impl Iterator<Item = Pass> {
    const PASSES: [Pass; 7] = [
        Pass { left: 0, top: 0, columns: 8, rows: 8 },
        Pass { left: 4, top: 0, columns: 8, rows: 8 },
        Pass { left: 0, top: 4, columns: 4, rows: 8 },
        Pass { left: 2, top: 0, columns: 4, rows: 4 },
        Pass { left: 0, top: 2, columns: 2, rows: 4 },
        Pass { left: 1, top: 0, columns: 2, rows: 2 },
        Pass { left: 0, top: 1, columns: 1, rows: 2 },
    ];
    let (width, height) = (frame.width as usize, frame.height as usize);
    PASSES.into_iter().filter(move |pass| pass.left < width && pass.top < height)
}

impl Pass {
    /// How many pixels a row has in it, of `width`.
    pub(super) fn width(self, width: u32) -> usize {
        (width as usize).saturating_sub(self.left).div_ceil(self.columns)
    }

    /// How many rows there are in it, of `height`.
    pub(super) fn height(self, height: u32) -> usize {
        (height as usize).saturating_sub(self.top).div_ceil(self.rows)
    }
}
