//! The table of a text tower's tokens: all of it, or the rows that texts have asked for.

use crate::backend::{self, Backend, Table, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::weights::TablePlace;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The embeddings of tokens: (vocabulary, hidden).
pub(crate) enum TokenTable {
    Whole(Table),
    /// Rows are read of it when a text comes.
    Rows(TokenRows),
    /// Of some tokens, and where the row of each is.
    Kept(Table, HashMap<u32, u32>),
}

/// Some rows of a table that was left in its file.
pub(crate) struct TokenRows {
    place: TablePlace,
    known: Mutex<HashMap<u32, Arc<[f32]>>>,
}

impl TokenTable {
    /// The tokens of texts with their positions added, as [`backend::embed_ids`] has them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: a row has not been read.
    pub(crate) fn embed(&self, texts: &[&[u32]], positions: &Table, backend: &Backend) -> Result<Tokens> {
        match self {
            Self::Whole(table) => backend::embed_ids(texts, table, positions, backend),
            Self::Rows(rows) => rows.embed(texts, positions, backend),
            Self::Kept(table, places) => {
                let place = |id: &u32| places.get(id).copied().ok_or_else(|| left_out(*id));
                let texts =
                    texts.iter().map(|text| text.iter().map(place).collect()).collect::<Result<Vec<Vec<_>>>>()?;
                backend::embed_ids(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>(), table, positions, backend)
            }
        }
    }

    /// The rows that were left in their file, where they were.
    pub(crate) fn rows(&self) -> Option<&TokenRows> {
        match self {
            Self::Whole(_) | Self::Kept(..) => None,
            Self::Rows(rows) => Some(rows),
        }
    }
}

fn left_out(id: u32) -> Error {
    let what =
        format!("the text needs token {id}, which this file's vocabulary leaves out (clip-vision convert --vocab)");
    Error::new(ErrorKind::InvalidArgument, what)
}

impl TokenRows {
    pub(crate) fn new(place: TablePlace) -> Self {
        Self { place, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u32, Arc<[f32]>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that the table stands in.
    pub(crate) fn file(&self) -> &str {
        &self.place.file
    }

    /// The bytes of the rows that these texts need and that have not been read; token 0, which fills up short texts, too.
    pub(crate) fn wanted(&self, texts: &[&[u32]]) -> Vec<Range<u64>> {
        let known = self.known();
        let ids: BTreeSet<u32> = texts.iter().flat_map(|ids| ids.iter().copied()).chain([0]).collect();
        self.place.ranges(&ids.into_iter().filter(|id| !known.contains_key(id)).collect())
    }

    /// Takes the rows in the bytes of the file from `at` on.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: a value is not finite.
    pub(crate) fn add(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let rows = self.place.rows_in(at, bytes)?;
        self.known().extend(rows.into_iter().map(|(id, row)| (id, row.into())));
        Ok(())
    }

    /// By a small table of the rows of these texts.
    fn embed(&self, texts: &[&[u32]], positions: &Table, backend: &Backend) -> Result<Tokens> {
        let mut places = HashMap::from([(0, 0)]);
        let mut ids = vec![0];
        for id in texts.iter().flat_map(|ids| ids.iter().copied()) {
            places.entry(id).or_insert_with(|| {
                ids.push(id);
                ids.len() as u32 - 1
            });
        }
        let known = self.known();
        let missing = |id: &u32| Error::new(ErrorKind::InvalidArgument, format!("the row of token {id} was not read"));
        let rows: Vec<&Arc<[f32]>> =
            ids.iter().map(|id| known.get(id).ok_or_else(|| missing(id))).collect::<Result<_>>()?;
        let values = rows.into_iter().flat_map(|row| row.iter().copied()).collect();
        let table = Table::new(values, &[ids.len(), self.place.columns], backend)?;
        drop(known);
        let placed = |text: &&[u32]| text.iter().map(|id| places.get(id).copied().unwrap_or_default()).collect();
        let texts: Vec<Vec<u32>> = texts.iter().map(placed).collect();
        backend::embed_ids(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>(), &table, positions, backend)
    }
}
