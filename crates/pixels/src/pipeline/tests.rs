use super::*;
use crate::pixels::{Header, Layout, Orientation};
use crate::plan::{Canvas, Resize};
use crate::resize::{ResizeFilter, noise};

const FILTERS: [ResizeFilter; 4] =
    [ResizeFilter::Nearest, ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3];

/// What is to be resampled, and to what.
#[derive(Clone)]
struct Job {
    /// The part of the picture, in upright pixels.
    part: Area,
    size: (usize, usize),
    filter: ResizeFilter,
    /// What of the result is wanted.
    wanted: Area,
}

/// The result of `job` over `pixels`, whose rows come `band` at a time.
fn resample(pixels: &Pixels, job: Job, band: usize) -> Pixels {
    struct InBands<'a>(&'a Pixels, usize);
    impl RowSource for InBands<'_> {
        fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
            self.0.rows(&area).bands(self.1).try_for_each(sink)
        }
    }
    super::resample(InBands(pixels, band), &job.pass(pixels.header())).unwrap()
}

impl Job {
    fn pass(self, header: Header) -> Pass {
        let Self { part, size, filter, wanted } = self;
        let result = (wanted.columns.len(), wanted.rows.len());
        Pass::new(header, Resize { part, size, filter, wanted }, Canvas::whole(result)).unwrap()
    }
}

fn whole(size: (usize, usize), new: (usize, usize), filter: ResizeFilter) -> Job {
    let all = |(width, height)| Area { columns: 0..width, rows: 0..height };
    Job { part: all(size), size: new, filter, wanted: all(new) }
}

fn bytes(pixels: &Pixels) -> (usize, usize, Vec<u8>) {
    let Header { width, height, .. } = pixels.header();
    assert!(pixels.header().is_upright_rgb());
    (width, height, pixels.rows(&pixels.header().whole()).bytes.to_vec())
}

fn upright(orientation: u32, layout: Layout) -> Vec<u8> {
    // Stored: 3 wide, 2 high, gray values 1..=6.
    let data = (1..=6u8).flat_map(|value| std::iter::repeat_n(value, layout.channels())).collect();
    let header = Header { width: 3, height: 2, layout, orientation: Orientation::from_exif(orientation) };
    let pixels = Pixels::new(header, data).unwrap();
    let size = header.upright_size();
    let (width, _, rgb) = bytes(&resample(&pixels, whole(size, size, ResizeFilter::Nearest), 1));
    assert!(rgb.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
    std::iter::once(width as u8).chain(rgb.into_iter().step_by(3)).collect()
}

#[test]
fn every_orientation_turns_as_pillow_does() {
    // What Image.transpose gives for [[1, 2, 3], [4, 5, 6]], after the width.
    let cases: [(u32, [u8; 7]); 10] = [
        (0, [3, 1, 2, 3, 4, 5, 6]),
        (1, [3, 1, 2, 3, 4, 5, 6]),
        (2, [3, 3, 2, 1, 6, 5, 4]),
        (3, [3, 6, 5, 4, 3, 2, 1]),
        (4, [3, 4, 5, 6, 1, 2, 3]),
        (5, [2, 1, 4, 2, 5, 3, 6]),
        (6, [2, 4, 1, 5, 2, 6, 3]),
        (7, [2, 6, 3, 5, 2, 4, 1]),
        (8, [2, 3, 6, 2, 5, 1, 4]),
        (9, [3, 1, 2, 3, 4, 5, 6]),
    ];
    for layout in [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba] {
        for (orientation, expected) in cases {
            assert_eq!(upright(orientation, layout), expected, "orientation {orientation}, {layout:?}");
        }
    }
}

/// Turned and then resampled, or resampled as it lies: the bits are the same, whatever the part and the filter.
#[test]
fn a_turned_picture_is_resampled_as_its_upright_twin() {
    let sizes = [(61, 47), (20, 90), (90, 20), (7, 130)];
    let targets = [(90, 33), (30, 80), (64, 33), (61, 47), (5, 90), (9, 11)];
    for ((width, height), orientation) in sizes.into_iter().flat_map(|size| (1..=8).map(move |turn| (size, turn))) {
        let orientation = Orientation::from_exif(orientation);
        let header = Header { width, height, layout: Layout::Rgb, orientation };
        let lying = Pixels::new(header, noise(width * height * 3)).unwrap();
        let size = header.upright_size();
        let twin = resample(&lying, whole(size, size, ResizeFilter::Nearest), 7);
        for (filter, target) in FILTERS.into_iter().flat_map(|filter| targets.map(|target| (filter, target))) {
            let expected = bytes(&resample(&twin, whole(size, target, filter), 5));
            assert_eq!(bytes(&resample(&lying, whole(size, target, filter), 16)), expected, "{header:?} {target:?}");
            // A part of a part.
            let part = Area { columns: 3..size.0 - 1, rows: 2..size.1 - 3 };
            let wanted = Area { columns: target.0 / 3..target.0 / 2 + 1, rows: target.1 / 4..target.1 - 2 };
            let job = Job { part, size: target, filter, wanted };
            let expected = bytes(&resample(&twin, job.clone(), 100));
            assert_eq!(bytes(&resample(&lying, job, 3)), expected, "{header:?} {target:?} in part");
        }
    }
}

#[test]
fn missing_rows_are_an_error() {
    struct CutShort<'a>(&'a Pixels);
    impl RowSource for CutShort<'_> {
        fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
            sink(Rows { count: 3, ..self.0.rows(&area) })
        }
    }
    let pixels = Pixels::upright_rgb(4, 4, vec![0; 48]).unwrap();
    let pass = whole((4, 4), (2, 2), ResizeFilter::Triangle).pass(pixels.header());
    assert_eq!(super::resample(CutShort(&pixels), &pass).unwrap_err().kind(), ErrorKind::Decode);
}
