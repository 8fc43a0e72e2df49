//! How long a source of rows works, by a clock. Nothing else in this crate knows of time.

use crate::Result;
use crate::pipeline::RowSource;
use crate::pixels::{Area, RowSink};

/// A source whose own work is counted, and not that of the sink that it hands its rows to.
pub(crate) struct Timed<'a, Source, Clock> {
    pub(crate) source: Source,
    pub(crate) clock: &'a Clock,
    /// What the clock has counted is added to this.
    pub(crate) spent: &'a mut f64,
}

impl<Source: RowSource, Clock: Fn() -> f64> RowSource for Timed<'_, Source, Clock> {
    fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        let Self { source, clock, spent } = self;
        let begin = clock();
        let mut elsewhere = 0.0;
        let result = source.read(area, &mut |rows| {
            let begin = clock();
            let result = sink(rows);
            elsewhere += clock() - begin;
            result
        });
        *spent += clock() - begin - elsewhere;
        result
    }
}
