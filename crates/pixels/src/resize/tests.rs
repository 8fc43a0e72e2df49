use super::*;
use crate::pixels::Orientation;

const FILTERS: [ResizeFilter; 4] =
    [ResizeFilter::Nearest, ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3];

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9u32;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            if state & 1 == 0 { (state >> 24) as u8 } else { (state >> 31) as u8 * 255 }
        })
        .collect()
}

/// All of the result of `job` over `pixels`, whose rows come `band` at a time.
fn resample(pixels: &Pixels, job: Job, band: usize) -> Pixels {
    let mut resampler = Resampler::new(&pixels.header(), job, u64::MAX).unwrap();
    let area = resampler.area();
    for start in area.rows.clone().step_by(band) {
        let part = Area { columns: area.columns.clone(), rows: start..area.rows.end.min(start + band) };
        resampler.push(pixels.rows(&part)).unwrap();
    }
    resampler.finish().unwrap()
}

fn whole(size: (usize, usize), new: (usize, usize), filter: ResizeFilter) -> Job {
    let window = Window { left: 0, top: 0, width: size.0, height: size.1 };
    Job { window, size: new, filter, columns: 0..new.0, rows: 0..new.1, background: None }
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
            let window = Window { left: 3, top: 2, width: size.0 - 4, height: size.1 - 5 };
            let (columns, rows) = (target.0 / 3..target.0 / 2 + 1, target.1 / 4..target.1 - 2);
            let job = Job { window, columns, rows, ..whole(size, target, filter) };
            let expected = bytes(&resample(&twin, job.clone(), 100));
            assert_eq!(bytes(&resample(&lying, job, 3)), expected, "{header:?} {target:?} in part");
        }
    }
}

#[test]
fn of_a_long_picture_little_is_held() {
    let header = Header { width: 300, height: 20_000, layout: Layout::Rgb, orientation: Orientation::Upright };
    let job = whole((300, 20_000), (224, 14_933), ResizeFilter::CatmullRom);
    let job = Job { rows: 7_354..7_578, ..job };
    // The result, and a few rows.
    assert!(Resampler::new(&header, job.clone(), 224 * 224 * 3 + 64 * 300 * 3).is_ok());
    let error = Resampler::new(&header, job, 224 * 224 * 3).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn missing_rows_are_an_error() {
    let pixels = Pixels::upright_rgb(4, 4, vec![0; 48]).unwrap();
    let mut resampler =
        Resampler::new(&pixels.header(), whole((4, 4), (2, 2), ResizeFilter::Triangle), 1 << 20).unwrap();
    resampler.push(pixels.rows(&Area { columns: 0..4, rows: 0..3 })).unwrap();
    assert_eq!(resampler.finish().unwrap_err().kind(), ErrorKind::Decode);
}
